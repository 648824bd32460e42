/**
 * What a PPO step learns from: completions, their scores, and log-probabilities under versions other than the sampler's.
 * The log-probabilities of a shard are computed as soon as it is sampled, and scoring does not wait for them: rollout
 * workers that still sample, slow reward services and gradient workers are waited for at the same time.
 */
import { setMaxListeners } from 'node:events';
import { concatenated } from '@gapo/model';
import { at, deriveSeed } from '@gapo/numeric';
import type { Item } from '@gapo/rpc';
import { spanNames, withSpan } from '@gapo/tracing';
import { createBatch, picked, tokensOf, type Batch, type Ranges, type Sample } from '../../data/batch.js';
import type { DrawnPrompt } from '../../data/prompts.js';
import { quotedFailures, quotedOutliers, scoreItems, type ScoredBatch } from '../../scoring/scoring.js';
import { PauseNeeded } from '../../state/interruption.js';
import type { BatchLogProbs } from '../../workers/gradients.js';
import { sampleShards } from '../../workers/rollouts.js';
import { logProbsOf, withSignal, type StepContext } from '../context/stepContext.js';
import { valueHeadsOf } from '../context/trainingContext.js';

/** Log-probabilities of a batch that are not the sampler's. */
export interface LogProbsOfStep {
  /** Under version 0; undefined where the KL coefficient is 0. */
  readonly reference: BatchLogProbs | undefined;
  /** Under the version that sampled, with the critics' values; undefined without critics. */
  readonly current: BatchLogProbs | undefined;
}

/** A step's completions, and what is known of them. */
export interface Experience extends LogProbsOfStep {
  /** The completions that can be learned from. */
  readonly batch: Batch;
  /** K arrays, one score per completion of the batch. */
  readonly scores: readonly Float64Array[];
  /** All completions, including those without a score. */
  readonly scored: ScoredBatch;
}

/** The step's prompts and their shards. */
export interface Drawn {
  readonly drawn: readonly DrawnPrompt[];
  /** The prompts of each shard. */
  readonly bounds: Ranges;
}

/**
 * Samples completions, scores them and computes their log-probabilities. If one of these fails, the others are cancelled.
 *
 * @throws PauseNeeded, RunFailure, RpcError, the signal's reason
 */
export async function gatherExperience(step: StepContext, from: Drawn): Promise<Experience> {
  const failed = new AbortController();
  const signal = AbortSignal.any([step.signal, failed.signal]);
  setMaxListeners(0, signal); // every piece of work listens
  const context = withSignal(step, signal);
  const { clock, progress } = context;
  let shards: readonly Promise<readonly Sample[]>[] = []; // filled as soon as sampling has begun
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
  // Once the scores have arrived, the step waits for gradient workers alone.
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
  const { promptsPerStep: _, shards: __, ...sampling } = config.rollout;
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
    (shard, { value, seconds, worker }) => {
      const tokens = value.reduce((total, { tokenIds }) => total + tokenIds.length, 0);
      observer.rollout({ step, shard, version, sequences: value.length, tokens, seconds, worker });
      observer.progress('sampling', ++finished, bounds.length);
    },
  );
}

async function score(
  { observer, signal, step, training }: StepContext,
  { drawn }: Drawn,
  samples: readonly Sample[],
): Promise<ScoredBatch> {
  const items: Item[] = samples.map(({ prompt, sample: number, tokenIds }) => ({
    id: `${step}.${prompt}.${number}`,
    prompt: at(drawn, prompt).record.text,
    completion: training.tokenizer.decode(tokenIds),
  }));
  return scoreItems(training.objectives, items, `step ${step}`, signal, {
    progress: (done, total, waitingFor) => observer.progress('rewards', done, total, waitingFor),
    scored: (scores) =>
      observer.reward({
        step,
        objective: scores.objective,
        service: scores.target,
        ...(scores.mean !== undefined && { mean: scores.mean }),
        ...(scores.std !== undefined && { std: scores.std }),
        failed: scores.failures.length,
        failures: quotedFailures(items, scores),
        outliers: quotedOutliers(items, scores),
        seconds: scores.seconds,
      }),
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
    // The gradients that follow are of the version that sampled: workers pull it while they compute this.
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

/** Keeps the completions that can be learned from: scored by every objective and, without critics, not alone with their prompt. */
function usable(
  { config, step }: StepContext,
  { bounds }: Drawn,
  samples: readonly Sample[],
  scored: ScoredBatch,
  { reference, current }: LogProbsOfStep,
): Experience {
  const kept = scored.kept.map((index, row) => ({ index, row, sample: at(samples, index) }));
  const perPrompt = new Map<number, number>();
  for (const {
    sample: { prompt },
  } of kept)
    perPrompt.set(prompt, (perPrompt.get(prompt) ?? 0) + 1);
  const fewest = config.ppo.advantages === 'gae' ? 1 : 2;
  const used = kept.filter(({ sample: { prompt } }) => (perPrompt.get(prompt) ?? 0) >= fewest);
  if (used.length < config.ppo.minibatches) {
    throw new PauseNeeded(
      `of ${samples.length} completions of step ${step} too few have a score from every objective to learn from: ` +
        `${scored.missing.join('; ')}; fix the reward service, then resume the run`,
    );
  }
  const all = createBatch(samples, bounds);
  const tokens = tokensOf(
    all,
    used.map(({ index }) => index),
  );
  const rows = (values: Float32Array): Float32Array => picked(values, values.length / all.tokens, tokens);
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
