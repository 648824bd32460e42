/**
 * The data of a PPO step: completions, their scores, and their log-probabilities under versions other than the sampler's. The
 * log-probabilities of a shard are computed as soon as it is sampled; with `rollout.score: shard` so are its scores.
 */
import { setMaxListeners } from 'node:events';
import { concatenated } from '@gapo/model';
import { at } from '@gapo/numeric';
import { underSignals } from '@gapo/rpc';
import { spanNames, withSpan } from '@gapo/tracing';
import { createBatch, pickRows, tokenIndices, type Batch, type Ranges, type Sample } from '../../data/batch.js';
import { completionItems, type Completion } from '../../scoring/completionItems.js';
import { recordScores } from '../../scoring/evaluationEvents.js';
import { quotedFailures, quotedOutliers, scoreItems, tooFewScores, type ScoredBatch } from '../../scoring/scoring.js';
import type { BatchLogProbs } from '../../workers/gradients.js';
import { withOriginalPrompts } from '../context/conditioning.js';
import type { Sampling, StepPrompts } from '../context/samplings.js';
import { logProbsOf, withSignal, type StepContext } from '../context/stepContext.js';
import { valueHeadsOf } from '../context/trainingContext.js';
import { checkedSamples, largestGap, measuresSampler } from './offPolicy.js';

/** Log-probabilities of a batch, other than the sampler's. */
export interface LogProbsOfStep {
  /** Under version 0; undefined if the KL coefficient is 0. */
  readonly reference: BatchLogProbs | undefined;
  /**
   * Under the version at the start of the step, with the critics' values; undefined without critics, unless {@link measuresSampler}.
   */
  readonly current: BatchLogProbs | undefined;
  /**
   * The largest gap between sampler and trainer log-probabilities under the version that sampled; undefined if that version is the old
   * policy of the first update, which then measures the gap.
   */
  readonly samplerGap: number | undefined;
}

/** The completions of a step, their scores and log-probabilities. */
export interface Experience extends LogProbsOfStep, Pick<StepPrompts, 'drawn' | 'levels'> {
  /** Every completion, sorted by prompt, then by sample. */
  readonly samples: readonly Sample[];
  /** Indices of the completions that the step learns from, ascending. */
  readonly used: readonly number[];
  /** The completions that the step learns from. */
  readonly batch: Batch;
  /** All completions, including those without a score. */
  readonly scored: ScoredBatch;
  /** The version that sampled. */
  readonly sampledVersion: number;
  /** The prompts of each shard. */
  readonly bounds: Ranges;
}

/**
 * Samples completions, scores them and computes their log-probabilities. If one of these fails, it cancels the others. With
 * `rollout.staleness` the completions may have been sampled already, and sampling for later steps starts.
 *
 * @throws PauseNeeded, RunFailure, RpcError, the signal's reason
 */
export function gatherExperience(step: StepContext): Promise<Experience> {
  const failed = new AbortController();
  return underSignals([step.signal, failed.signal], (signal) => {
    setMaxListeners(0, signal); // one listener per call
    return gather(withSignal(step, signal), failed);
  });
}

/** @param failed aborts the context's signal */
async function gather(context: StepContext, failed: AbortController): Promise<Experience> {
  const { before, clock, config, observer, progress, samplings, signal } = context;
  let started: Sampling | undefined;
  const sampling = clock.time('sampling', spanNames.stepSampling, async () => {
    started = samplings.of(before);
    return (await Promise.all(started.shards)).flat();
  });
  if (started === undefined) return sampling as Promise<never>; // sampling could not start
  const from = started;
  signal.addEventListener('abort', () => from.end(signal.reason), { once: true });
  if (signal.aborted) from.end(signal.reason);
  from.follow((done, total) => observer.progress('sampling', done, total));
  samplings.ahead(before);
  const computing = Promise.race(from.shards).then(() =>
    withSpan(spanNames.stepLogProbs, {}, () => logProbs(context, from)),
  );
  const shown = new AbortController();
  const parts = config.rollout.score === 'shard' ? from.shards : [sampling];
  const scoring = Promise.race(parts).then(() =>
    withSpan(spanNames.stepRewards, {}, () => score(context, from.drawn, parts, shown.signal)),
  );
  // Once all completions are sampled, the step waits for their scores; after that, only for gradient workers.
  const waiting = sampling
    .then(() => {
      shown.abort();
      return clock.wait('rewards', scoring);
    })
    .then(() => {
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

/**
 * Scores the completions of a step.
 *
 * @param context of the step
 * @param drawn its prompts
 * @param parts its samples, in order
 * @param sampled aborts when only scores are left to wait for; their progress is shown from then on
 */
async function score(
  { config, observer, signal, step, training }: StepContext,
  drawn: StepPrompts['drawn'],
  parts: readonly Promise<readonly Sample[]>[],
  sampled: AbortSignal,
): Promise<ScoredBatch> {
  const completionsOf = (samples: readonly Sample[]): Completion[] =>
    samples.map(({ prompt, sample, tokenIds }) => {
      return { id: `${step}.${prompt}.${sample}`, prompt: at(drawn, prompt).record, tokenIds };
    });
  const arrived: (readonly Completion[])[] = [];
  const items = {
    count: drawn.length * config.rollout.samplesPerPrompt,
    parts: parts.map(async (part, index) => {
      const completions = completionsOf(await part);
      arrived[index] = completions;
      return completionItems(training.tokens, completions);
    }),
  };
  return scoreItems(training.objectives, items, `step ${step}`, signal, {
    progress: (done, total, waitingFor) => {
      if (sampled.aborted) observer.progress('rewards', done, total, waitingFor);
    },
    scored: (scores) => {
      const completions = arrived.flat();
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
  { bounds, drawn, shards, version: sampled }: Sampling,
): Promise<LogProbsOfStep> {
  const { before, config, version } = context;
  const { temperature } = config.rollout;
  const valueHeads = valueHeadsOf(config);
  const under = async (other: number, samples: readonly Sample[], heads = 0): Promise<BatchLogProbs> => {
    // Workers prefetch the version that the gradients need next.
    const input = { policy: context.policy(other), temperature, heads, nextVersion: version };
    return logProbsOf(context, { ...input, batch: createBatch(samples, bounds) });
  };
  const ofAll = async (other: number, heads = 0): Promise<BatchLogProbs> =>
    joined(await Promise.all(shards.map(async (shard) => under(other, await shard, heads))));
  // The reference gets no preference: it has not been trained to read one.
  const ofReference = async (): Promise<BatchLogProbs> =>
    joined(await Promise.all(shards.map(async (shard) => under(0, withOriginalPrompts(await shard, drawn)))));
  const gapOf = async (shard: readonly Sample[]): Promise<number> => {
    const samples = checkedSamples(shard);
    const { logprobs } = await under(sampled, samples);
    return largestGap(logprobs, createBatch(samples, bounds).logprobs);
  };
  const [reference, current, samplerGap] = await Promise.all([
    before.kl.coefficient > 0 ? ofReference() : undefined,
    valueHeads > 0 || measuresSampler(config) ? ofAll(version, valueHeads) : undefined,
    sampled === version
      ? undefined
      : Promise.all(shards.map(async (shard) => gapOf(await shard))).then((gaps) => Math.max(...gaps)),
  ]);
  return { reference, current, samplerGap };
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
 * Keeps the completions that have a score from every objective and, without critics, share their prompt with another kept completion.
 *
 * @throws PauseNeeded if fewer remain than the step has minibatches
 */
function usable(
  { config, step }: StepContext,
  { bounds, drawn, levels, version: sampledVersion }: Sampling,
  samples: readonly Sample[],
  scored: ScoredBatch,
  { reference, current, samplerGap }: LogProbsOfStep,
): Experience {
  const kept = scored.kept.map((index) => ({ index, sample: at(samples, index) }));
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
  const indices = used.map(({ index }) => index);
  const tokens = tokenIndices(all, indices);
  const rows = (values: Float32Array): Float32Array => pickRows(values, values.length / all.tokens, tokens);
  const part = (of: BatchLogProbs | undefined): BatchLogProbs | undefined =>
    of && { logprobs: rows(of.logprobs), values: of.values && rows(of.values) };
  return {
    drawn,
    levels,
    samples,
    used: indices,
    scored,
    batch: createBatch(
      used.map(({ sample }) => sample),
      bounds,
    ),
    reference: part(reference),
    current: part(current),
    samplerGap:
      samplerGap ?? (measuresSampler(config) && current ? largestGap(all.logprobs, current.logprobs) : undefined),
    sampledVersion,
    bounds,
  };
}
