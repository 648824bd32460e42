/** An evaluation: the starting policy and a version of the run on the held-out prompts, scored by every objective. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { objectiveNames } from '@gapo/config';
import {
  bootstrapMean,
  bootstrapPairedDifference,
  deriveSeed,
  mean,
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
import { attributeNames, ROOT_CONTEXT, spanNames, withSpan } from '@gapo/tracing';
import { splitEvenly, type Sample } from '../data/batch.js';
import type { PromptRecord } from '../data/prompts.js';
import { describeRewards, needsRewards } from '../scoring/rewardServices.js';
import { scoreItems } from '../scoring/scoring.js';
import { versionOf } from '../state/trainingState.js';
import { policyRef, type TrainingContext } from '../step/context/trainingContext.js';
import { sampleShards } from '../workers/rollouts.js';
import type { Platform } from './platform.js';
import type { Run } from './run.js';

/** What is evaluated. */
export interface EvaluationRequest {
  /** The version; the newest where undefined. */
  readonly version: number | undefined;
  /** Sample prompts to return with both completions. */
  readonly samples: number;
}

/** Prompts of a piece of work. */
const promptsPerShard = 16;

interface Policies<T> {
  readonly before: T;
  readonly after: T;
}

/** One policy's completions of the held-out prompts with their scores. */
interface Scored {
  readonly samples: readonly Sample[];
  readonly texts: readonly string[];
  /** K arrays, one score for each completion; NaN outside `kept`. */
  readonly scores: readonly Float64Array[];
  /** Completions that every objective scored. */
  readonly kept: readonly number[];
}

/**
 * Evaluates a run: progress, then the report. The seed is the evaluation's own, so a version has one result whenever
 * and by whomever it is evaluated.
 *
 * @throws RpcError FAILED_PRECONDITION without held-out prompts, NOT_FOUND for a version that is gone
 * @throws UserError, PauseNeeded, RunFailure where a service does not do its part
 */
export async function* evaluateRun(
  run: Run,
  platform: Platform,
  request: EvaluationRequest,
  signal: AbortSignal,
): AsyncGenerator<EvaluateRunResponseInput, void, undefined> {
  const waiting: ProgressInput[] = [];
  let wake: () => void = () => undefined;
  const tell = (progress: ProgressInput): void => {
    waiting.splice(0, Infinity, progress);
    wake();
  };
  let result: { report: EvaluationReportInput } | { error: unknown } | undefined;
  void withSpan(
    spanNames.evaluation,
    { [attributeNames.runId]: run.id },
    () => evaluation(run, platform, request, signal, tell),
    { parent: ROOT_CONTEXT },
  )
    .then(
      (report) => (result = { report }),
      (error: unknown) => (result = { error }),
    )
    .finally(() => wake());
  for (;;) {
    const progress = waiting.shift();
    if (progress !== undefined) yield { progress };
    else if (result !== undefined) break;
    else await new Promise<void>((resolve) => (wake = resolve));
  }
  if ('error' in result) throw result.error;
  yield { report: result.report };
}

async function evaluation(
  run: Run,
  platform: Platform,
  { version: asked, samples: wanted }: EvaluationRequest,
  signal: AbortSignal,
  tell: (progress: ProgressInput) => void,
): Promise<EvaluationReportInput> {
  if (run.config.data.heldOut === undefined) {
    throw new RpcError('FAILED_PRECONDITION', `run ${run.id} has no held-out prompts: data.heldOut names none`);
  }
  const loop = await run.loaded();
  const { context: training } = loop;
  const { key } = run;
  if (!needsRewards(run.config)) {
    const missing = objectiveNames(run.config).filter((name) =>
      training.objectives.every(({ source }) => source.objective !== name),
    );
    if (missing.length > 0) {
      throw new RpcError(
        'FAILED_PRECONDITION',
        `run ${run.id} cannot be evaluated: REWARD_SERVICES has nothing for ${missing.join(', ')}`,
      );
    }
  }
  await describeRewards(training.objectives, signal);
  const prompts = training.heldOut ?? [];
  const version = asked ?? versionOf(loop.state);
  const unpin = await loop.pin(version);
  try {
    const { temperature, samplesPerPrompt } = run.config.evaluation;
    const { maxNewTokens, stop, batch } = run.config.rollout;
    const bounds = splitEvenly(prompts.length, Math.ceil(prompts.length / promptsPerShard));
    let done = 0;
    const progress = (phase: string, at: number, total: number, waitingFor = ''): void =>
      tell({ step: version, phase, done: at, total, waitingFor });
    progress('sampling', 0, 2 * bounds.length);
    const sample = async (of: number): Promise<readonly Sample[]> => {
      const shards = sampleShards(
        platform.rollout,
        {
          policy: policyRef(training, key, of),
          prompts: prompts.map(({ tokenIds, index }) => ({ tokenIds, counter: index })),
          bounds,
          sampling: { temperature, samplesPerPrompt, maxNewTokens, stop, batch },
          seed: deriveSeed(run.config.evaluation.seed, 'evaluation'),
          step: 0,
          vocabulary: training.model.vocabulary,
          label: `the evaluation of version ${of}`,
        },
        signal,
        () => progress('sampling', ++done, 2 * bounds.length),
      );
      return (await Promise.all(shards)).flat();
    };
    const [before, after] = await Promise.all([sample(0), sample(version)]);
    const scored = await score(training, prompts, { before, after }, signal, (at, total, waitingFor) =>
      progress('rewards', at, total, waitingFor),
    );
    return { runId: run.id, ...(await report(training, prompts, version, scored, wanted)) };
  } finally {
    unpin();
  }
}

/** Both policies' completions in one go, so that each objective scores them under the same conditions. */
async function score(
  training: TrainingContext,
  prompts: readonly PromptRecord[],
  { before, after }: Policies<readonly Sample[]>,
  signal: AbortSignal,
  progress: (done: number, total: number, waitingFor: string) => void,
): Promise<Policies<Scored> & { readonly missing: readonly string[] }> {
  const texts = [...before, ...after].map(({ tokenIds }) => training.tokenizer.decode(tokenIds));
  const items = [...before, ...after].map(({ prompt, sample }, i) => ({
    id: `${i < before.length ? 'before' : 'after'}.${prompts[prompt]!.id}.${sample}`,
    prompt: prompts[prompt]!.text,
    completion: texts[i]!,
  }));
  const { kept, scores, missing } = await scoreItems(training.objectives, items, 'the evaluation', signal, {
    progress,
    scored: () => undefined,
  });
  const part = (samples: readonly Sample[], offset: number): Scored => {
    const mine = (i: number): boolean => i >= offset && i < offset + samples.length;
    const full = scores.map((row) => {
      // What has no score must not pass for one: it shows in whatever it gets into by mistake.
      const all = new Float64Array(samples.length).fill(Number.NaN);
      kept.forEach((i, at) => {
        if (mine(i)) all[i - offset] = row[at]!;
      });
      return all;
    });
    const ownKept = kept.filter(mine).map((i) => i - offset);
    return { samples, texts: texts.slice(offset, offset + samples.length), scores: full, kept: ownKept };
  };
  return { before: part(before, 0), after: part(after, before.length), missing };
}

async function report(
  training: TrainingContext,
  prompts: readonly PromptRecord[],
  version: number,
  { before, after, missing }: Awaited<ReturnType<typeof score>>,
  wanted: number,
): Promise<EvaluationReportInput> {
  // A pair counts where both of its completions were scored.
  const scoredAfter = new Set(after.kept);
  const pairs = before.kept.filter((i) => scoredAfter.has(i));
  if (pairs.length === 0) {
    const why = `no held-out prompt has a score from every objective: ${missing.join('; ')}`;
    throw new RpcError('FAILED_PRECONDITION', `${why}; fix the reward service, then evaluate the run`);
  }
  const { seed } = training.config.evaluation;
  const perPrompt = (values: ArrayLike<number>): Float64Array => meansByPrompt(before.samples, pairs, values);
  const zBefore = new Float64Array(before.samples.length);
  const zAfter = new Float64Array(after.samples.length);
  const objectives: ObjectiveEvaluationInput[] = [];
  for (const [k, { source }] of training.objectives.entries()) {
    await nextTurn(); // resampling is long arithmetic: others have their turn in between
    const [old, now] = [before.scores[k]!, after.scores[k]!];
    addStandardised(zBefore, zAfter, old, now, pairs);
    const { threshold } = source;
    const acceptable = (scores: Float64Array): IntervalInput =>
      interval(bootstrapMean(perPrompt(scores.map((value) => (value >= threshold! ? 1 : 0))), { seed }));
    objectives.push({
      name: source.objective,
      before: interval(bootstrapMean(perPrompt(old), { seed })),
      after: interval(bootstrapMean(perPrompt(now), { seed })),
      difference: interval(bootstrapPairedDifference(perPrompt(now), perPrompt(old), { seed })),
      winRate: interval(winRate(pick(now, pairs), pick(old, pairs))),
      ...(threshold !== undefined && { acceptableBefore: acceptable(old), acceptableAfter: acceptable(now) }),
    });
  }
  return {
    version,
    prompts: new Set(pairs.map((i) => before.samples[i]!.prompt)).size,
    objectives,
    samples: pairs
      .filter((i) => before.samples[i]!.sample === 0)
      .slice(0, wanted)
      .map((i) => ({
        prompt: prompts[before.samples[i]!.prompt]!.text,
        before: before.texts[i]!,
        after: after.texts[i]!,
        scoresBefore: before.scores.map((row) => row[i]!),
        scoresAfter: after.scores.map((row) => row[i]!),
      })),
    winRate: interval(winRate(pick(zAfter, pairs), pick(zBefore, pairs))),
    lengthBefore: mean(before.samples.map(({ tokenIds }) => tokenIds.length)),
    lengthAfter: mean(after.samples.map(({ tokenIds }) => tokenIds.length)),
  };
}

function interval({ value, low, high }: Estimate): IntervalInput {
  return { mean: value, low, high };
}

function pick(values: Float64Array, places: readonly number[]): Float64Array {
  return Float64Array.from(places, (i) => values[i]!);
}

/** The mean of each prompt's completions: what the bootstrap resamples, since completions of a prompt are not independent. */
function meansByPrompt(samples: readonly Sample[], places: readonly number[], values: ArrayLike<number>): Float64Array {
  const sums = new Map<number, { sum: number; count: number }>();
  for (const i of places) {
    const entry = sums.get(samples[i]!.prompt) ?? { sum: 0, count: 0 };
    sums.set(samples[i]!.prompt, { sum: entry.sum + values[i]!, count: entry.count + 1 });
  }
  return Float64Array.from(sums.values(), ({ sum, count }) => sum / count);
}

/**
 * Adds an objective's z-scores, standardised over both policies' completions together, so that objectives of any scale
 * count alike. One that tells no completion from another adds nothing.
 */
function addStandardised(
  zBefore: Float64Array,
  zAfter: Float64Array,
  before: Float64Array,
  after: Float64Array,
  places: readonly number[],
): void {
  const all = [...pick(before, places), ...pick(after, places)];
  const [center, deviation] = [mean(all), standardDeviation(all, 'population')];
  if (deviation === 0) return;
  for (const i of places) {
    zBefore[i]! += (before[i]! - center) / deviation;
    zAfter[i]! += (after[i]! - center) / deviation;
  }
}
