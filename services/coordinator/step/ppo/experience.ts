/**
 * What a step learns from: completions, their scores, and log-probabilities that are not the sampler's. Log-probabilities
 * of a shard are computed as soon as it is sampled, and scores need none of them: so rollout workers that still sample, slow
 * reward services and gradient workers are waited for at the same time.
 */
import { setMaxListeners } from 'node:events';
import { concatenated } from '@gapo/model';
import { deriveSeed } from '@gapo/numeric';
import type { Item } from '@gapo/rpc';
import { spanNames, withSpan } from '@gapo/tracing';
import { createBatch, picked, tokensOf, type Batch, type Sample } from '../../data/batch.js';
import type { DrawnPrompt } from '../../data/prompts.js';
import { quotedFailures, quotedOutliers, scoreItems, type ScoredBatch } from '../../scoring/scoring.js';
import { PauseNeeded } from '../../state/interruption.js';
import { versionOf, type TrainingState } from '../../state/trainingState.js';
import { batchLogProbs, type BatchLogProbs } from '../../workers/gradients.js';
import { sampleShards } from '../../workers/rollouts.js';
import { callOf, type Pieces, type StepContext, type Stopwatch } from '../context/stepContext.js';
import { policyRef, valueHeadsOf } from '../context/trainingContext.js';

/** Log-probabilities of a batch that are not the sampler's. */
export interface LogProbsOfStep {
  /** Under version 0; undefined where KL has no coefficient. */
  readonly reference: BatchLogProbs | undefined;
  /** With the critics' values, under the version that sampled; undefined without critics. */
  readonly current: BatchLogProbs | undefined;
}

/** A step's completions, and what is known of them. */
export interface Experience extends LogProbsOfStep {
  /** The completions that can be learned from. */
  readonly batch: Batch;
  /** K arrays, one score for each completion of the batch. */
  readonly scores: readonly Float64Array[];
  /** Of all completions, those without a score too. */
  readonly scored: ScoredBatch;
}

/** What is drawn from and how it is split. */
export interface Drawn {
  readonly drawn: readonly DrawnPrompt[];
  /** The prompts [start, end) of each shard. */
  readonly bounds: readonly (readonly [number, number])[];
}

/**
 * Samples completions, scores them and computes their log-probabilities. Where one fails, the others are given up.
 *
 * @throws PauseNeeded, RunFailure, RpcError, the signal's reason
 */
export async function gatherExperience(
  before: TrainingState,
  context: StepContext,
  from: Drawn,
  watch: Stopwatch,
  pieces: Pieces,
): Promise<Experience> {
  const failed = new AbortController();
  const signal = AbortSignal.any([context.signal, failed.signal]);
  setMaxListeners(0, signal); // every piece of work listens
  const own = { ...context, signal };
  let shards: readonly Promise<readonly Sample[]>[] = []; // there once sampling has begun, at once
  const sampling = watch.time('sampling', spanNames.stepSampling, async () => {
    shards = sample(before, own, from);
    return (await Promise.all(shards)).flat();
  });
  const computing = Promise.race(shards).then(() =>
    withSpan(spanNames.stepLogProbs, {}, () => logProbs(before, own, from, shards, pieces)),
  );
  const scoring = sampling.then((samples) =>
    watch.time('rewards', spanNames.stepRewards, () => score(before.step + 1, own, from, samples)),
  );
  // What a step waits for once the scores are there is the gradient workers' time.
  const waiting = scoring.then(() => {
    pieces.show();
    return watch.wait('gradients', computing);
  });
  try {
    const [samples, scored, others] = await Promise.all([sampling, scoring, computing, waiting]);
    return usable(before.step + 1, context, from, samples, scored, others);
  } catch (error) {
    failed.abort(error);
    await Promise.allSettled([scoring, computing]);
    throw error;
  }
}

function sample(
  before: TrainingState,
  { training, platform, key, signal, observer }: StepContext,
  { drawn, bounds }: Drawn,
): readonly Promise<readonly Sample[]>[] {
  const { config, model } = training;
  const { promptsPerStep: _, shards: __, ...sampling } = config.rollout;
  const step = before.step + 1;
  const version = versionOf(before);
  let finished = 0;
  observer.progress('sampling', 0, bounds.length);
  return sampleShards(
    platform.rollout,
    {
      policy: policyRef(training, key, version),
      prompts: drawn.map(({ record, counter }) => ({ tokenIds: record.tokenIds, counter })),
      bounds,
      sampling,
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
  { training, signal, observer }: StepContext,
  { drawn }: Drawn,
  samples: readonly Sample[],
): Promise<ScoredBatch> {
  const items: Item[] = samples.map(({ prompt, sample: number, tokenIds }) => ({
    id: `${step}.${prompt}.${number}`,
    prompt: drawn[prompt]!.record.text,
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
  before: TrainingState,
  context: StepContext,
  { bounds }: Drawn,
  shards: readonly Promise<readonly Sample[]>[],
  pieces: Pieces,
): Promise<LogProbsOfStep> {
  const { training, key } = context;
  const { temperature } = training.config.rollout;
  const valueHeads = valueHeadsOf(training.config);
  const sampled = versionOf(before);
  const under = async (version: number, heads: number): Promise<BatchLogProbs> => {
    pieces.expect(shards.length);
    const policy = policyRef(training, key, version);
    const call = callOf(context, before.step + 1);
    // The gradients that follow are of the version that sampled: workers pull it while they compute this.
    const input = { policy, temperature, heads, nextVersion: sampled };
    const parts = shards.map(async (samples) =>
      batchLogProbs(call, { ...input, batch: createBatch(await samples, bounds) }, () => pieces.tick()),
    );
    return joined(await Promise.all(parts));
  };
  const [reference, current] = await Promise.all([
    before.kl.coefficient > 0 ? under(0, 0) : undefined,
    valueHeads > 0 ? under(sampled, valueHeads) : undefined,
  ]);
  return { reference, current };
}

/** Log-probabilities of consecutive batches as those of one. */
function joined(parts: readonly BatchLogProbs[]): BatchLogProbs {
  const values = parts.flatMap((part) => part.values ?? []);
  return {
    logprobs: concatenated(parts.map(({ logprobs }) => logprobs)),
    values: values.length === 0 ? undefined : concatenated(values),
  };
}

/** The completions that can be learned from: scored by every objective and, without critics, not alone with their prompt. */
function usable(
  step: number,
  { training }: StepContext,
  { bounds }: Drawn,
  samples: readonly Sample[],
  scored: ScoredBatch,
  { reference, current }: LogProbsOfStep,
): Experience {
  const { kept } = scored;
  const perPrompt = new Map<number, number>();
  for (const i of kept) perPrompt.set(samples[i]!.prompt, (perPrompt.get(samples[i]!.prompt) ?? 0) + 1);
  const least = training.config.ppo.advantages === 'gae' ? 1 : 2;
  const places = [...kept.keys()].filter((at) => perPrompt.get(samples[kept[at]!]!.prompt)! >= least);
  if (places.length < training.config.ppo.minibatches) {
    throw new PauseNeeded(
      `of ${samples.length} completions of step ${step} too few have a score from every objective to learn from: ` +
        `${scored.missing.join('; ')}; mend the reward service, then resume the run`,
    );
  }
  const all = createBatch(samples, bounds);
  const used = places.map((at) => kept[at]!);
  const tokens = tokensOf(all, used);
  const rows = (values: Float32Array): Float32Array => picked(values, values.length / all.tokens, tokens);
  const part = (of: BatchLogProbs | undefined): BatchLogProbs | undefined =>
    of && { logprobs: rows(of.logprobs), values: of.values && rows(of.values) };
  return {
    scored,
    batch: createBatch(
      used.map((at) => samples[at]!),
      bounds,
    ),
    scores: scored.scores.map((row) => Float64Array.from(places, (at) => row[at]!)),
    reference: part(reference),
    current: part(current),
  };
}
