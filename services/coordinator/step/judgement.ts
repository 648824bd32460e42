/**
 * What a step needs to know of its completions: their scores, and log-probabilities that are not the sampler's. Neither needs
 * the other, so a slow reward service and the gradient workers are waited for at the same time.
 */
import { setMaxListeners } from 'node:events';
import { spanNames, withSpan } from '@gapo/telemetry';
import type { Item } from '@gapo/rpc';
import { createBatch, picked, tokensOf, type Batch, type Sample } from '../data/batch.js';
import type { DrawnPrompt } from '../data/prompts.js';
import { quotedFailures, quotedOutliers, scoreItems, type ScoredBatch } from '../rewards/scoring.js';
import { PauseNeeded } from '../runs/interruption.js';
import { versionOf, type TrainingState } from '../runs/trainingState.js';
import { batchLogProbs, type BatchLogProbs } from '../workers/gradients.js';
import { callOf, type Pieces, type StepContext, type Stopwatch } from './stepContext.js';
import { policyRef, valueHeadsOf } from './workbench.js';

/** Log-probabilities of a batch that are not the sampler's. */
export interface LogProbsOfStep {
  /** Under version 0; undefined where KL has no coefficient. */
  readonly reference: BatchLogProbs | undefined;
  /** With the critics' values, under the version that sampled; undefined without critics. */
  readonly current: BatchLogProbs | undefined;
}

/** A step's completions, judged. */
export interface Judgement extends LogProbsOfStep {
  /** The completions that can be learned from. */
  readonly batch: Batch;
  /** K arrays, one score for each completion of the batch. */
  readonly scores: readonly Float64Array[];
  /** Of all completions, those without a score too. */
  readonly scored: ScoredBatch;
}

/** The completions of a step, in their order. */
export interface Completions {
  readonly drawn: readonly DrawnPrompt[];
  readonly samples: readonly Sample[];
  /** The prompts [start, end) of each shard. */
  readonly bounds: readonly (readonly [number, number])[];
}

/**
 * Scores the completions and computes their log-probabilities at the same time. Where one fails, the other is given up.
 *
 * @throws PauseNeeded, RunFailure, RpcError, the signal's reason
 */
export async function judge(
  before: TrainingState,
  context: StepContext,
  completions: Completions,
  watch: Stopwatch,
  pieces: Pieces,
): Promise<Judgement> {
  const all = createBatch(completions.samples, completions.bounds);
  const failed = new AbortController();
  const signal = AbortSignal.any([context.signal, failed.signal]);
  setMaxListeners(0, signal); // every piece of work listens
  const own = { ...context, signal };
  const computing = withSpan(spanNames.stepLogProbs, {}, () => logProbs(before, own, all, pieces));
  const scoring = watch.time('rewards', spanNames.stepRewards, () => score(before.step + 1, own, completions));
  // What a step waits for once the scores are there is the gradient workers' time.
  const waiting = scoring.then(() => {
    pieces.show();
    return watch.wait('gradients', computing);
  });
  try {
    const [scored, others] = await Promise.all([scoring, computing, waiting]);
    return usable(before.step + 1, context, completions, all, scored, others);
  } catch (error) {
    failed.abort(error);
    await Promise.allSettled([scoring, computing]);
    throw error;
  }
}

async function score(
  step: number,
  { bench, signal, observer }: StepContext,
  { drawn, samples }: Completions,
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
  batch: Batch,
  pieces: Pieces,
): Promise<LogProbsOfStep> {
  const { bench, key } = context;
  const { temperature } = bench.config.rollout;
  const valueHeads = valueHeadsOf(bench.config);
  const sampled = versionOf(before);
  const under = (version: number, heads: number): Promise<BatchLogProbs> => {
    pieces.expect(batch.shards.length);
    const policy = policyRef(bench, key, version);
    const call = callOf(context, before.step + 1);
    // The gradients that follow are of the version that sampled: workers pull it while they compute this.
    return batchLogProbs(call, { policy, batch, temperature, heads, nextVersion: sampled }, () => pieces.tick());
  };
  const [reference, current] = await Promise.all([
    before.kl.coefficient > 0 ? under(0, 0) : undefined,
    valueHeads > 0 ? under(sampled, valueHeads) : undefined,
  ]);
  return { reference, current };
}

/** The completions that can be learned from: scored by every objective and, without critics, not alone with their prompt. */
function usable(
  step: number,
  { bench }: StepContext,
  { samples, bounds }: Completions,
  all: Batch,
  scored: ScoredBatch,
  { reference, current }: LogProbsOfStep,
): Judgement {
  const { kept } = scored;
  const perPrompt = new Map<number, number>();
  for (const i of kept) perPrompt.set(samples[i]!.prompt, (perPrompt.get(samples[i]!.prompt) ?? 0) + 1);
  const least = bench.config.ppo.advantages === 'gae' ? 1 : 2;
  const places = [...kept.keys()].filter((at) => perPrompt.get(samples[kept[at]!]!.prompt)! >= least);
  if (places.length < bench.config.ppo.minibatches) {
    throw new PauseNeeded(
      `of ${samples.length} completions of step ${step} too few have a score from every objective to learn from: ` +
        `${scored.missing.join('; ')}; mend the reward service, then resume the run`,
    );
  }
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
