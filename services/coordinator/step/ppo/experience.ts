/**
 * The data of a PPO step: completions, their scores, and their log-probabilities under other versions than the sampler's.
 * The log-probabilities of a shard are computed as soon as it is sampled, concurrently with sampling and scoring.
 */
import { setMaxListeners } from 'node:events';
import { concatenated } from '@gapo/model';
import { at, deriveSeed } from '@gapo/numeric';
import type { DrawnPrompt } from '@gapo/run-data';
import { spanNames, withSpan } from '@gapo/tracing';
import { createBatch, pickRows, tokenIndices, type Batch, type Ranges, type Sample } from '../../data/batch.js';
import { completionItems } from '../../scoring/completionItems.js';
import { recordScores } from '../../scoring/evaluationEvents.js';
import { quotedFailures, quotedOutliers, scoreItems, tooFewScores, type ScoredBatch } from '../../scoring/scoring.js';
import type { BatchLogProbs } from '../../workers/gradients.js';
import { sampleShards } from '../../workers/rollouts.js';
import { logProbsOf, withSignal, type StepContext } from '../context/stepContext.js';
import { valueHeadsOf } from '../context/trainingContext.js';

/** Log-probabilities of a batch, other than the sampler's. */
export interface LogProbsOfStep {
  /** Under version 0; undefined if the KL coefficient is 0. */
  readonly reference: BatchLogProbs | undefined;
  /** Under the sampling version, with the critics' values; undefined without critics. */
  readonly current: BatchLogProbs | undefined;
}

/** The completions of a step, their scores and log-probabilities. */
export interface Experience extends LogProbsOfStep {
  /** The completions that the step learns from. */
  readonly batch: Batch;
  /** K arrays with one score per completion of the batch. */
  readonly scores: readonly Float64Array[];
  /** All completions, including those without a score. */
  readonly scored: ScoredBatch;
}

/** The prompts of a step. */
export interface Drawn {
  readonly drawn: readonly DrawnPrompt[];
  /** The prompts of each shard. */
  readonly bounds: Ranges;
}

/**
 * Samples completions, scores them and computes their log-probabilities. If one of these fails, it cancels the others.
 *
 * @throws PauseNeeded, RunFailure, RpcError, the signal's reason
 */
export async function gatherExperience(step: StepContext, from: Drawn): Promise<Experience> {
  const failed = new AbortController();
  const signal = AbortSignal.any([step.signal, failed.signal]);
  setMaxListeners(0, signal); // every call listens
  const context = withSignal(step, signal);
  const { clock, progress } = context;
  let shards: readonly Promise<readonly Sample[]>[] = []; // assigned as soon as sampling starts
  const sampling = clock.time('sampling', spanNames.stepSampling, async () => {
    shards = sample(context, from);
    return (await Promise.all(shards)).flat();
  });
  const computing = Promise.race(shards).then(() =>
    withSpan(spanNames.stepLogProbs, {}, () => logProbs(context, from, shards)),
  );
  const scoring = sampling.then((samples) =>
    clock.time('rewards', spanNames.stepRewards, () => score(context, from, samples)),
  );
  // Once the scores have arrived, the step waits only for gradient workers.
  const waiting = scoring.then(() => {
    progress.show();
    return clock.wait('gradients', computing);
  });
  try {
    const [samples, scored, others] = await Promise.all([sampling, scoring, computing, waiting]);
    return usable(context, from, samples, scored, others);
  } catch (error) {
    failed.abort(error);
    await Promise.allSettled([scoring, computing]);
    throw error;
  }
}

function sample(
  { config, observer, policy, signal, step, training, version, workers }: StepContext,
  { drawn, bounds }: Drawn,
): readonly Promise<readonly Sample[]>[] {
  const { promptsPerStep: _prompts, shards: _shards, maxLogprobGap: _gap, ...sampling } = config.rollout;
  let finished = 0;
  observer.progress('sampling', 0, bounds.length);
  return sampleShards(
    workers.rollout,
    {
      policy: policy(version),
      prompts: drawn.map(({ record, counter }) => ({ tokenIds: record.tokenIds, counter })),
      bounds,
      sampling,
      seed: deriveSeed(config.seed, 'rollout'),
      step,
      vocabulary: training.model.vocabulary,
      label: `step ${step}`,
    },
    signal,
    (shard, { value, seconds, worker, slowness }) => {
      const tokens = value.reduce((total, { tokenIds }) => total + tokenIds.length, 0);
      observer.rollout({ step, shard, version, sequences: value.length, tokens, seconds, worker, slowness });
      observer.progress('sampling', ++finished, bounds.length);
    },
  );
}

async function score(
  { observer, signal, step, training }: StepContext,
  { drawn }: Drawn,
  samples: readonly Sample[],
): Promise<ScoredBatch> {
  const completions = samples.map(({ prompt, sample: number, tokenIds }) => ({
    id: `${step}.${prompt}.${number}`,
    prompt: at(drawn, prompt).record,
    tokenIds,
  }));
  const items = completionItems(training.tokens, completions);
  return scoreItems(training.objectives, items, `step ${step}`, signal, {
    progress: (done, total, waitingFor) => observer.progress('rewards', done, total, waitingFor),
    scored: (scores) => {
      recordScores(step, completions, scores);
      observer.reward({
        step,
        objective: scores.objective,
        service: scores.target,
        ...(scores.mean !== undefined && { mean: scores.mean }),
        ...(scores.std !== undefined && { std: scores.std }),
        failed: scores.failures.length,
        failures: quotedFailures(completions, scores),
        outliers: quotedOutliers(completions, scores),
        seconds: scores.seconds,
      });
    },
  });
}

async function logProbs(
  context: StepContext,
  { bounds }: Drawn,
  shards: readonly Promise<readonly Sample[]>[],
): Promise<LogProbsOfStep> {
  const { before, config, version: sampled } = context;
  const { temperature } = config.rollout;
  const valueHeads = valueHeadsOf(config);
  const under = async (version: number, heads: number): Promise<BatchLogProbs> => {
    // Workers prefetch the sampling version, which the gradients need next.
    const input = { policy: context.policy(version), temperature, heads, nextVersion: sampled };
    const parts = shards.map(async (samples) =>
      logProbsOf(context, { ...input, batch: createBatch(await samples, bounds) }),
    );
    return joined(await Promise.all(parts));
  };
  const [reference, current] = await Promise.all([
    before.kl.coefficient > 0 ? under(0, 0) : undefined,
    valueHeads > 0 ? under(sampled, valueHeads) : undefined,
  ]);
  return { reference, current };
}

/** Joins the log-probabilities of consecutive batches. */
function joined(parts: readonly BatchLogProbs[]): BatchLogProbs {
  const values = parts.flatMap((part) => part.values ?? []);
  return {
    logprobs: concatenated(parts.map(({ logprobs }) => logprobs)),
    values: values.length === 0 ? undefined : concatenated(values),
  };
}

/**
 * Keeps the completions that have a score from every objective and, without critics, share their prompt with another one.
 *
 * @throws PauseNeeded if fewer are left than the step has minibatches
 */
function usable(
  { config, step }: StepContext,
  { bounds }: Drawn,
  samples: readonly Sample[],
  scored: ScoredBatch,
  { reference, current }: LogProbsOfStep,
): Experience {
  const kept = scored.kept.map((index, row) => ({ index, row, sample: at(samples, index) }));
  const perPrompt = new Map<number, number>();
  for (const { sample } of kept) perPrompt.set(sample.prompt, (perPrompt.get(sample.prompt) ?? 0) + 1);
  const fewest = config.ppo.advantages === 'gae' ? 1 : 2;
  const used = kept.filter(({ sample }) => (perPrompt.get(sample.prompt) ?? 0) >= fewest);
  if (used.length < config.ppo.minibatches) {
    throw tooFewScores(
      `step ${step}: too few of ${samples.length} completions have a score from every objective: `,
      scored.missing,
    );
  }
  const all = createBatch(samples, bounds);
  const tokens = tokenIndices(
    all,
    used.map(({ index }) => index),
  );
  const rows = (values: Float32Array): Float32Array => pickRows(values, values.length / all.tokens, tokens);
  const part = (of: BatchLogProbs | undefined): BatchLogProbs | undefined =>
    of && { logprobs: rows(of.logprobs), values: of.values && rows(of.values) };
  return {
    scored,
    batch: createBatch(
      used.map(({ sample }) => sample),
      bounds,
    ),
    scores: scored.scores.map((ofObjective) => Float64Array.from(used, ({ row }) => at(ofObjective, row))),
    reference: part(reference),
    current: part(current),
  };
}
