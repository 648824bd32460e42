/**
 * One training step: draw prompts, sample, score, advantages, gradients, combination, update. A function from the state
 * before to the state after; what fails in between leaves the state before as it was.
 */
import type { ObjectiveStep, PhaseSeconds, RewardEvent, ShardEvent, StepEvent } from '@gapo/events';
import { deriveSeed, tokenKl, updateKlController } from '@gapo/objectives';
import type { GradientStatistics, Item, LossSpecInput } from '@gapo/rpc';
import { attributeNames, spanNames, withSpan, type SpanName } from '@gapo/telemetry';
import { createBatch, type Batch, type Sample } from './batch.js';
import {
  batchGradients,
  batchLogProbs,
  type BatchGradients,
  type BatchLogProbs,
  type GradientCall,
} from './gradients.js';
import { combineOptions } from './combination.js';
import { PauseNeeded, throwIfAborted } from './interruption.js';
import { learningSignal, sumsOf, type LearningSignal } from './learningSignal.js';
import type { Platform } from './platform.js';
import { preferenceAt, type PreferenceChange } from './preferences.js';
import { drawPrompts, splitEvenly, type DrawnPrompt } from './prompts.js';
import { sampleCompletions } from './rollouts.js';
import { objectiveNames } from './runConfig.js';
import { quotedFailures, scoreItems, type ObjectiveScores, type ScoredBatch } from './scoring.js';
import { versionOf, type TrainingState } from './trainingState.js';
import { chooseDirection, follow, type Direction, type Trained } from './update.js';
import type { VersionStore } from './versions.js';
import { policyRef, valueHeadsOf, type Workbench } from './workbench.js';

/** The phases that progress is told of. */
export type Phase = 'sampling' | 'rewards' | 'gradients' | 'combination' | 'checkpoint';

/** Told what happens within a step. */
export interface StepObserver {
  progress(phase: Phase, done: number, total: number, waitingFor?: string): void;
  rollout(event: ShardEvent): void;
  reward(event: RewardEvent): void;
  gradient(epoch: number, event: ShardEvent): void;
}

/** What a step works with. */
export interface StepContext {
  readonly bench: Workbench;
  readonly platform: Pick<Platform, 'rollout' | 'gradient'>;
  readonly versions: VersionStore;
  /** The key under which workers ask for the run's versions. */
  readonly key: string;
  readonly signal: AbortSignal;
  readonly observer: StepObserver;
  /** Changes of preference that were made so far. */
  readonly preferences: readonly PreferenceChange[];
}

/** A step's report but for what is known only once it has ended. */
export type StepFindings = Omit<StepEvent, 'seconds' | 'etaSeconds' | 'traceId'>;

/** What a step leads to. */
export interface StepResult {
  readonly state: TrainingState;
  readonly findings: StepFindings;
}

interface Stopwatch {
  readonly phases: PhaseSeconds;
  /** Runs a phase in a span of its own and adds its time. */
  time<T>(phase: Phase, span: SpanName, work: () => Promise<T> | T, epoch?: number): Promise<T>;
}

/**
 * Takes a step.
 *
 * @throws PauseNeeded, RunFailure, RpcError, the signal's reason; the state is as before
 */
export async function takeStep(before: TrainingState, context: StepContext): Promise<StepResult> {
  const { bench, signal } = context;
  const { config } = bench;
  const step = before.step + 1;
  const watch = stopwatch();
  const drawn = drawPrompts(bench.prompts, config.seed, before.position, config.rollout.promptsPerStep);
  const bounds = splitEvenly(drawn.length, config.rollout.shards);

  const samples = await watch.time('sampling', spanNames.stepSampling, () => sample(before, context, drawn, bounds));
  const scored = await watch.time('rewards', spanNames.stepRewards, () => score(step, context, drawn, samples));
  const { batch, scores } = usable(samples, scored, bounds, context, step);
  const others = await watch.time('gradients', spanNames.stepLogProbs, () => logProbs(before, context, batch));
  const learning = await watch.time('gradients', spanNames.stepAdvantages, () =>
    advantages(before, context, batch, scores, others),
  );

  const options = combineOptions(config, preferenceAt(context.preferences, step));
  let trained = before.trained;
  let last: { direction: Direction; learningRate: number; statistics: GradientStatistics } | undefined;
  let maxLogprobGap = 0;
  for (let epoch = 0; epoch < config.ppo.epochs; epoch++) {
    const input = { before, epoch, version: trained.optimizer.step, batch, learning, logProbs: others };
    const gradients = await watch.time('gradients', spanNames.stepGradients, () => compute(input, context), epoch);
    throwIfAborted(signal);
    context.observer.progress('combination', 0, 1);
    const direction = await watch.time(
      'combination',
      spanNames.stepCombination,
      () => chooseDirection(bench.rule, options, gradients),
      epoch,
    );
    const updated = await watch.time(
      'combination',
      spanNames.stepOptimizer,
      () => publishUpdate(trained, direction, context),
      epoch,
    );
    trained = updated.after;
    const { statistics } = gradients;
    // Only in the first epoch is the version that is differentiated the one that sampled.
    if (epoch === 0) maxLogprobGap = statistics.maxLogprobGap;
    last = { direction, learningRate: updated.learningRate, statistics };
    context.observer.progress('combination', 1, 1);
  }
  if (last === undefined) throw new RangeError('ppo.epochs is 0');

  const kl = klOf(batch, others.reference?.logprobs);
  const state: TrainingState = {
    step,
    position: before.position + drawn.length,
    kl: kl === undefined ? before.kl : updateKlController(before.kl, kl.perCompletion, batch.samples.length),
    preferences: context.preferences,
    trained,
  };
  const findings: StepFindings = {
    step,
    objectives: objectiveReports(context, scored, last.direction),
    // Where the run has no KL term there is no reference to measure against, and the field stays as the wire has it unset.
    kl: kl?.perToken ?? 0,
    entropy: last.statistics.entropySum / batch.tokens,
    clipFraction: clipFraction(last.statistics, batch.tokens),
    maxLogprobGap,
    stationarity: last.direction.combination.stationarity,
    updateNorm: last.direction.norm,
    learningRate: last.learningRate,
    tokens: batch.tokens,
    completionLength: batch.tokens / batch.samples.length,
    finishedFraction: batch.samples.filter(({ finished }) => finished).length / batch.samples.length,
    phases: watch.phases,
  };
  return { state, findings };
}

function stopwatch(): Stopwatch {
  const phases = { sampling: 0, rewards: 0, gradients: 0, combination: 0, checkpoint: 0 };
  return {
    phases,
    async time(phase, span, work, epoch) {
      const began = performance.now();
      try {
        return await withSpan(span, epoch === undefined ? {} : { [attributeNames.epoch]: epoch }, work);
      } finally {
        phases[phase] += (performance.now() - began) / 1000;
      }
    },
  };
}

async function sample(
  before: TrainingState,
  { bench, platform, key, signal, observer }: StepContext,
  drawn: readonly DrawnPrompt[],
  bounds: readonly (readonly [number, number])[],
): Promise<readonly Sample[]> {
  const { config, model } = bench;
  const { temperature, maxNewTokens, samplesPerPrompt } = config.rollout;
  const step = before.step + 1;
  const version = versionOf(before);
  let finished = 0;
  observer.progress('sampling', 0, bounds.length);
  return sampleCompletions(
    platform.rollout,
    {
      policy: policyRef(bench, key, version),
      prompts: drawn.map(({ record, counter }) => ({ tokenIds: record.tokenIds, counter })),
      bounds,
      sampling: { temperature, maxNewTokens, samplesPerPrompt },
      seed: deriveSeed(config.seed, 'rollout'),
      step,
      vocabulary: model.vocabulary,
      label: `step ${step}`,
    },
    signal,
    (shard, { value, seconds, worker }) => {
      const tokens = value.reduce((total, { tokenIds }) => total + tokenIds.length, 0);
      observer.rollout({ step, shard, version, sequences: value.length, tokens, seconds, worker });
      observer.progress('sampling', ++finished, bounds.length);
    },
  );
}

async function score(
  step: number,
  { bench, signal, observer }: StepContext,
  drawn: readonly DrawnPrompt[],
  samples: readonly Sample[],
): Promise<ScoredBatch> {
  const items: Item[] = samples.map(({ prompt, sample: number, tokenIds }) => ({
    id: `${step}.${prompt}.${number}`,
    prompt: drawn[prompt]!.record.text,
    completion: bench.tokenizer.decode(tokenIds),
  }));
  return scoreItems(bench.objectives, items, `step ${step}`, signal, {
    progress: (done, total, waitingFor) => observer.progress('rewards', done, total, waitingFor),
    scored: (scores) =>
      observer.reward({
        step,
        objective: scores.objective,
        ...(scores.mean !== undefined && { mean: scores.mean }),
        ...(scores.std !== undefined && { std: scores.std }),
        failed: scores.failures.length,
        failures: quotedFailures(items, scores),
        seconds: scores.seconds,
      }),
  });
}

/** The completions that can be learned from: scored by every objective and, with RLOO, not alone with their prompt. */
function usable(
  samples: readonly Sample[],
  { kept, scores }: ScoredBatch,
  bounds: readonly (readonly [number, number])[],
  { bench }: StepContext,
  step: number,
): { batch: Batch; scores: readonly Float64Array[] } {
  const perPrompt = new Map<number, number>();
  for (const i of kept) perPrompt.set(samples[i]!.prompt, (perPrompt.get(samples[i]!.prompt) ?? 0) + 1);
  const least = bench.config.ppo.advantages === 'rloo' ? 2 : 1;
  const places = [...kept.keys()].filter((at) => perPrompt.get(samples[kept[at]!]!.prompt)! >= least);
  if (places.length === 0) {
    throw new PauseNeeded(
      `of ${samples.length} completions of step ${step} too few have a score from every objective to learn from; ` +
        'mend the reward services, then resume the run',
    );
  }
  const batch = createBatch(
    places.map((at) => samples[kept[at]!]!),
    bounds,
  );
  return { batch, scores: scores.map((row) => Float64Array.from(places, (at) => row[at]!)) };
}

/** Log-probabilities of a batch that are not the sampler's. */
interface LogProbsOfStep {
  /** Under version 0; undefined where KL has no coefficient. */
  readonly reference: BatchLogProbs | undefined;
  /** With the critics' values, under the version that sampled; undefined without critics. */
  readonly current: BatchLogProbs | undefined;
}

async function logProbs(before: TrainingState, context: StepContext, batch: Batch): Promise<LogProbsOfStep> {
  const { bench, key, observer } = context;
  const { temperature } = bench.config.rollout;
  const heads = valueHeadsOf(bench.config);
  const wanted = [before.kl.coefficient > 0, heads > 0].filter(Boolean).length * batch.shards.length;
  let done = 0;
  const under = (version: number, valueHeads: number): Promise<BatchLogProbs> =>
    batchLogProbs(
      callOf(context, before.step + 1),
      policyRef(bench, key, version),
      batch,
      temperature,
      valueHeads,
      () => observer.progress('gradients', ++done, totalOf(context, batch, wanted)),
    );
  const [reference, current] = await Promise.all([
    before.kl.coefficient > 0 ? under(0, 0) : undefined,
    heads > 0 ? under(versionOf(before), heads) : undefined,
  ]);
  return { reference, current };
}

function callOf({ platform, signal }: StepContext, step: number): GradientCall {
  return { pool: platform.gradient, signal, label: `step ${step}` };
}

/** What the gradients of one epoch are computed from. */
interface EpochInput {
  readonly before: TrainingState;
  /** From 0. */
  readonly epoch: number;
  /** The version that is differentiated. */
  readonly version: number;
  readonly batch: Batch;
  readonly learning: LearningSignal;
  readonly logProbs: LogProbsOfStep;
}

/** Pieces of the whole gradient phase: log-probabilities, then the shards of every epoch. */
function totalOf({ bench }: StepContext, batch: Batch, logProbPieces: number): number {
  return logProbPieces + batch.shards.length * bench.config.ppo.epochs;
}

function advantages(
  before: TrainingState,
  { bench }: StepContext,
  batch: Batch,
  scores: readonly Float64Array[],
  { reference, current }: LogProbsOfStep,
): LearningSignal {
  const { config } = bench;
  const inReward = config.kl.in === 'reward' && reference !== undefined;
  return learningSignal({
    names: objectiveNames(config),
    batch,
    scores,
    ppo: config.ppo,
    klInReward: inReward
      ? { coefficient: before.kl.coefficient, k1: tokenKl('k1', batch.logprobs, reference.logprobs) }
      : undefined,
    values: current?.values,
  });
}

async function compute(
  { before, epoch, version, batch, learning, logProbs: { reference, current } }: EpochInput,
  context: StepContext,
): Promise<BatchGradients> {
  const { bench, key, observer } = context;
  const { config } = bench;
  const step = before.step + 1;
  const klCoefficient = config.kl.in === 'loss' ? before.kl.coefficient : 0;
  const loss: LossSpecInput & { objectives: string[] } = {
    clipRange: config.ppo.clipRange,
    klCoefficient,
    entropyCoefficient: config.entropyCoefficient,
    valueCoefficient: config.ppo.gae?.valueCoefficient ?? 0,
    valueClip: config.ppo.gae?.valueClip ?? 0,
    denominator: batch.tokens,
    objectives: objectiveNames(config),
    temperature: config.rollout.temperature,
  };
  const logProbPieces = [reference, current].filter((part) => part !== undefined).length * batch.shards.length;
  let done = logProbPieces + epoch * batch.shards.length;
  observer.progress('gradients', done, totalOf(context, batch, logProbPieces));
  return batchGradients(
    callOf(context, step),
    {
      policy: policyRef(bench, key, version),
      batch,
      loss,
      advantages: learning.advantages,
      perToken: learning.perToken,
      referenceLogprobs: klCoefficient > 0 ? reference?.logprobs : undefined,
      oldValues: current?.values,
      returns: learning.returns,
      parameters: bench.initial.length,
    },
    (shard, { seconds, worker }) => {
      const { number, start, end, firstToken, lastToken } = shard;
      const counts = { sequences: end - start, tokens: lastToken - firstToken };
      observer.gradient(epoch, { step, shard: number, version, ...counts, seconds, worker });
      observer.progress('gradients', ++done, totalOf(context, batch, logProbPieces));
    },
  );
}

/** Follows the direction and takes the version that it leads to into the store. */
function publishUpdate(
  trained: Trained,
  { direction }: Direction,
  { bench, versions }: StepContext,
): ReturnType<typeof follow> {
  const updated = follow(bench.rule, trained, direction);
  versions.put(updated.after.optimizer.step, updated.after.parameters);
  return updated;
}

/** The divergence of the sampling policy from the reference, from the tokens that it drew. */
function klOf(
  { logprobs, lengths, tokens, samples }: Batch,
  reference: Float32Array | undefined,
): { perToken: number; perCompletion: number } | undefined {
  if (reference === undefined) return undefined;
  const sum = (values: Float64Array): number => values.reduce((total, value) => total + value, 0);
  return {
    perToken: sum(tokenKl('k2', logprobs, reference)) / tokens,
    // Unbiased, as the controller needs it: a batch's mean may be a little under 0.
    perCompletion: sum(sumsOf(tokenKl('k1', logprobs, reference), lengths)) / samples.length,
  };
}

function clipFraction({ clipped }: GradientStatistics, tokens: number): number {
  return clipped.reduce((total, count) => total + count, 0) / (tokens * Math.max(1, clipped.length));
}

function objectiveReports({ bench }: StepContext, scored: ScoredBatch, { combination }: Direction): ObjectiveStep[] {
  return bench.config.objectives.map(({ name }, k) => {
    const { mean, std, latencyMs, failures }: ObjectiveScores = scored.objectives[k]!;
    if (mean === undefined || std === undefined) throw new RangeError(`objective ${name} has no scores to report`);
    return {
      name,
      rewardMean: mean,
      rewardStd: std,
      weight: combination.weights[k]!,
      alpha: combination.alpha[k]!,
      gradientNorm: combination.norms[k]!,
      progress: combination.progress[k]!,
      latencyMs,
      failed: failures.length,
    };
  });
}
