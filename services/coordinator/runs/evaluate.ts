/** Evaluation: compares the initial policy with a version of a run on the held-out prompts, on every objective. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { objectiveNames } from '@gapo/config';
import {
  at,
  bootstrapMean,
  bootstrapPairedDifference,
  deriveSeed,
  mean,
  required,
  standardDeviation,
  winRate,
  type Estimate,
} from '@gapo/numeric';
import {
  type EvaluateRunResponseInput,
  type EvaluationReportInput,
  type IntervalInput,
  type ObjectiveEvaluationInput,
  type ProgressInput,
  RpcError,
} from '@gapo/rpc';
import { type PromptRecord, recordsOf } from '@gapo/run-data';
import { attributeNames, contextOfRun, spanNames, withSpan } from '@gapo/tracing';
import { splitEvenly, type Sample } from '../data/batch.js';
import { completionItems } from '../scoring/completionItems.js';
import { describeRewards, needsRewards } from '../scoring/rewardServices.js';
import { atOnce, scoreItems } from '../scoring/scoring.js';
import { versionOf } from '../state/trainingState.js';
import { encodeConditioned } from '../step/context/conditioning.js';
import { policyRef, type TrainingContext } from '../step/context/trainingContext.js';
import { sampleShards } from '../workers/rollouts.js';
import type { HeldLoop } from './loadedLoop.js';
import type { Platform } from './platform.js';
import type { Run } from './run.js';
import { statedPreference } from './statedPreference.js';

/** Options of an evaluation. */
export interface EvaluationRequest {
  /** The version to evaluate; undefined: the newest. */
  readonly version?: number | undefined;
  /** Number of sample prompts to return with both completions. */
  readonly samples: number;
  /**
   * The preference given to the evaluated policy: shares by objective. Empty: the configured one, if the policy takes a
   * preference.
   */
  readonly preference: Readonly<Record<string, number>>;
}

const promptsPerShard = 16;

interface Policies<T> {
  readonly before: T;
  readonly after: T;
}

/** Completions of the held-out prompts by both policies, in the same order, with their scores. */
interface Comparison extends Policies<readonly Sample[]> {
  /** The decoded completions: those of `before`, then those of `after`. */
  readonly texts: readonly string[];
  /** Indices of the completions that every objective scored for both policies, ascending. */
  readonly pairs: readonly number[];
  /** For each objective, the scores of the pairs. */
  readonly scores: readonly Policies<Float64Array>[];
  /** Why completions have no score, for each objective that dropped some. */
  readonly missing: readonly string[];
}

/**
 * Evaluates a run: yields progress, then the report. The seed is `evaluation.seed`, so a version always gets the same
 * result.
 *
 * @throws RpcError FAILED_PRECONDITION without held-out prompts, NOT_FOUND for a version that no longer exists
 * @throws UserError, PauseNeeded, RunFailure if a service fails
 */
export async function* evaluateRun(
  run: Run,
  platform: Platform,
  request: EvaluationRequest,
  signal: AbortSignal,
): AsyncGenerator<EvaluateRunResponseInput, void, undefined> {
  let latest: ProgressInput | undefined;
  let wake: () => void = () => undefined;
  const observe = (progress: ProgressInput): void => {
    latest = progress;
    wake();
  };
  let result: { report: EvaluationReportInput } | { error: unknown } | undefined;
  void withSpan(
    spanNames.evaluation,
    { [attributeNames.runId]: run.id },
    () => evaluate(run, platform, request, signal, observe),
    { parent: contextOfRun(run.id) },
  )
    .then(
      (report) => (result = { report }),
      (error: unknown) => (result = { error }),
    )
    .finally(() => wake());
  for (;;) {
    const progress = latest;
    latest = undefined;
    if (progress !== undefined) yield { progress };
    else if (result !== undefined) break;
    else await new Promise<void>((resolve) => (wake = resolve));
  }
  if ('error' in result) throw result.error;
  await run.evaluations.keep(result.report);
  yield { report: result.report };
}

async function evaluate(
  run: Run,
  platform: Platform,
  request: EvaluationRequest,
  signal: AbortSignal,
  observe: (progress: ProgressInput) => void,
): Promise<EvaluationReportInput> {
  if (run.config.data.heldOut === undefined) {
    throw new RpcError('FAILED_PRECONDITION', `run ${run.id} has no held-out prompts: data.heldOut names none`);
  }
  const held = await run.hold();
  try {
    return await evaluateLoop(run, held, platform, request, signal, observe);
  } finally {
    held.release();
  }
}

async function evaluateLoop(
  run: Run,
  { loop, key }: HeldLoop,
  platform: Platform,
  { version: requested, samples, preference }: EvaluationRequest,
  signal: AbortSignal,
  observe: (progress: ProgressInput) => void,
): Promise<EvaluationReportInput> {
  const { context: training } = loop;
  // The run may resume in the meantime, which gives its later versions another key.
  const version = requested ?? versionOf(loop.state);
  if (!needsRewards(run.config)) {
    const missing = objectiveNames(run.config).filter((name) =>
      training.objectives.every(({ source }) => source.objective !== name),
    );
    if (missing.length > 0) {
      throw new RpcError(
        'FAILED_PRECONDITION',
        `run ${run.id} cannot be evaluated: REWARD_SERVICES has no address for ${missing.join(', ')}`,
      );
    }
  }
  await describeRewards(training.objectives, signal);
  const prompts = training.heldOut === undefined ? [] : [...recordsOf(training.heldOut)];
  const stated = statedPreference(run, preference, loop.state.step);
  // The policy before training gets no preference: it has not learned what one means.
  const originalIds = prompts.map(({ tokenIds }) => tokenIds);
  const { conditioning } = training;
  const promptIds =
    conditioning && stated
      ? await encodeConditioned(
          conditioning,
          prompts,
          prompts.map(() => stated.levels),
        )
      : originalIds;
  const unpin = await loop.pin(version);
  try {
    const { temperature, samplesPerPrompt } = run.config.evaluation;
    const { maxNewTokens, stop, batch } = run.config.rollout;
    const bounds = splitEvenly(prompts.length, Math.ceil(prompts.length / promptsPerShard));
    let sampled = 0;
    const progress = (phase: string, done: number, total: number, waitingFor = ''): void =>
      observe({ step: version, phase, done, total, waitingFor });
    progress('sampling', 0, 2 * bounds.length);
    const sample = async (of: number, ids: readonly (readonly number[])[]): Promise<readonly Sample[]> => {
      const shards = sampleShards(
        platform.rollout,
        {
          policy: policyRef(training, key, of),
          prompts: prompts.map(({ index }, i) => ({ tokenIds: at(ids, i), counter: index })),
          bounds,
          sampling: { temperature, samplesPerPrompt, maxNewTokens, stop, batch },
          seed: deriveSeed(run.config.evaluation.seed, 'evaluation'),
          step: 0,
          vocabulary: training.model.vocabulary,
          label: `the evaluation of version ${of}`,
        },
        signal,
        () => progress('sampling', ++sampled, 2 * bounds.length),
      );
      return (await Promise.all(shards)).flat();
    };
    const [before, after] = await Promise.all([sample(0, originalIds), sample(version, promptIds)]);
    const comparison = await compare(training, prompts, { before, after }, signal, (done, total, waitingFor) =>
      progress('rewards', done, total, waitingFor),
    );
    return {
      runId: run.id,
      version,
      ...(stated && { preference: { ...stated.preference } }),
      ...(await report(training, prompts, comparison, samples)),
    };
  } finally {
    unpin();
  }
}

/** Scores both policies' completions in one batch, so that each objective scores them under the same conditions. */
async function compare(
  training: TrainingContext,
  prompts: readonly PromptRecord[],
  { before, after }: Policies<readonly Sample[]>,
  signal: AbortSignal,
  progress: (done: number, total: number, waitingFor: string) => void,
): Promise<Comparison> {
  const samples = [...before, ...after];
  const completions = samples.map(({ prompt, sample, tokenIds }, i) => {
    const record = at(prompts, prompt);
    const policy = i < before.length ? 'before' : 'after';
    return { id: `${policy}.${record.id}.${sample}`, prompt: record, tokenIds };
  });
  const items = completionItems(training.tokens, completions);
  const texts = (await items('clean')).map(({ completion }) => completion);
  const parts = atOnce(completions.length, items);
  const scored = await scoreItems(training.objectives, parts, 'the evaluation', signal, {
    progress,
    scored: () => undefined,
  });
  const rows = new Map(scored.kept.map((item, row) => [item, row]));
  const pairs = [...before.keys()].filter((i) => rows.has(i) && rows.has(before.length + i));
  const pick = (scores: Float64Array, offset: number): Float64Array =>
    Float64Array.from(pairs, (i) => at(scores, required(rows.get(offset + i), 'the row of a pair')));
  const scores = scored.scores.map((all) => ({ before: pick(all, 0), after: pick(all, before.length) }));
  return { before, after, texts, pairs, scores, missing: scored.missing.map(({ message }) => message) };
}

async function report(
  training: TrainingContext,
  prompts: readonly PromptRecord[],
  { before, after, texts, pairs, scores, missing }: Comparison,
  samples: number,
): Promise<Omit<EvaluationReportInput, 'runId' | 'version'>> {
  if (pairs.length === 0) {
    const why = `no held-out prompt has a score from every objective: ${missing.join('; ')}`;
    throw new RpcError('FAILED_PRECONDITION', `${why}; fix the reward service, then evaluate the run`);
  }
  const { seed } = training.config.evaluation;
  const promptOf = pairs.map((i) => at(before, i).prompt);
  const perPrompt = (values: Float64Array): Float64Array => meansByPrompt(promptOf, values);
  const zScores = { before: new Float64Array(pairs.length), after: new Float64Array(pairs.length) };
  const objectives: ObjectiveEvaluationInput[] = [];
  for (const [k, { source }] of training.objectives.entries()) {
    await nextTurn(); // resampling is CPU-bound: lets other work run between objectives
    const objective = at(scores, k);
    addStandardized(zScores, objective);
    const { threshold } = source;
    const acceptable = (values: Float64Array, limit: number): IntervalInput =>
      interval(bootstrapMean(perPrompt(values.map((value) => (value >= limit ? 1 : 0))), { seed }));
    objectives.push({
      name: source.objective,
      before: interval(bootstrapMean(perPrompt(objective.before), { seed })),
      after: interval(bootstrapMean(perPrompt(objective.after), { seed })),
      difference: interval(
        bootstrapPairedDifference(perPrompt(objective.after), perPrompt(objective.before), { seed }),
      ),
      winRate: interval(winRate(objective.after, objective.before)),
      ...(threshold !== undefined && {
        acceptableBefore: acceptable(objective.before, threshold),
        acceptableAfter: acceptable(objective.after, threshold),
      }),
    });
  }
  return {
    prompts: new Set(promptOf).size,
    objectives,
    samples: [...pairs.entries()]
      .filter(([, i]) => at(before, i).sample === 0)
      .slice(0, samples)
      .map(([row, i]) => ({
        prompt: at(prompts, at(promptOf, row)).text,
        before: at(texts, i),
        after: at(texts, before.length + i),
        scoresBefore: scores.map((objective) => at(objective.before, row)),
        scoresAfter: scores.map((objective) => at(objective.after, row)),
      })),
    winRate: interval(winRate(zScores.after, zScores.before)),
    lengthBefore: mean(before.map(({ tokenIds }) => tokenIds.length)),
    lengthAfter: mean(after.map(({ tokenIds }) => tokenIds.length)),
  };
}

function interval({ value, low, high }: Estimate): IntervalInput {
  return { mean: value, low, high };
}

/**
 * Returns the mean per prompt. The bootstrap resamples these means because completions of one prompt are not independent.
 */
function meansByPrompt(promptOf: readonly number[], values: Float64Array): Float64Array {
  const sums = new Map<number, { sum: number; count: number }>();
  for (const [i, prompt] of promptOf.entries()) {
    const { sum, count } = sums.get(prompt) ?? { sum: 0, count: 0 };
    sums.set(prompt, { sum: sum + at(values, i), count: count + 1 });
  }
  return Float64Array.from(sums.values(), ({ sum, count }) => sum / count);
}

/**
 * Adds an objective's z-scores, standardized over the completions of both policies so that the scale of the objective does
 * not matter. Adds nothing if all scores are equal.
 */
function addStandardized(zScores: Policies<Float64Array>, scores: Policies<Float64Array>): void {
  const all = [...scores.before, ...scores.after];
  const [center, deviation] = [mean(all), standardDeviation(all, 'population')];
  if (deviation === 0) return;
  for (const policy of ['before', 'after'] as const) {
    for (const [i, value] of scores[policy].entries()) {
      zScores[policy][i] = at(zScores[policy], i) + (value - center) / deviation;
    }
  }
}
