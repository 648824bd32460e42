/**
 * Completions sampled by a policy other than the one being trained: an earlier version (`rollout.staleness`), or the same version in
 * another engine. With π the policy at the start of the step, μ the policy that sampled, and θ the policy in training:
 *
 *   default                   J = Σ_t min(r_t A, clip(r_t) A)                  r_t = π_θ / μ     PPO, whose old policy is the sampler
 *   ppo.importanceCap: C      J = Σ_t min(w, C) · min(r_t A, clip(r_t) A)      r_t = π_θ / π     w = Π_t π / μ of the completion
 *
 * The second is decoupled PPO (Hilton et al. 2021, arXiv 2110.00641; AReaL, arXiv 2505.24298) with truncated weights, as in verl's
 * sequence-level rollout correction: a product, not a mean. A weight is one number per completion, so advantages stay one number per
 * completion too, and objectives can still share passes.
 */
import { stalenessOf, type RunConfig } from '@gapo/config';
import { at } from '@gapo/numeric';
import { effectiveSampleSize, truncatedWeights } from '@gapo/objectives';
import type { Batch, Sample } from '../../data/batch.js';
import type { LearningSignal } from '../updates/lossInputs.js';

/** One in this many completions of each shard is used to check that sampler and trainer agree under the version that sampled. */
const checkedEvery = 8;

/** Whether a step computes log-probabilities under its starting version, to compare it with the sampler. */
export function measuresSampler(config: RunConfig): boolean {
  return stalenessOf(config) > 0 || config.ppo.importanceCap !== undefined;
}

/** Returns the completions of a shard that are checked under the version that sampled them: the first, and every eighth after it. */
export function checkedSamples(shard: readonly Sample[]): readonly Sample[] {
  return shard.filter((_, i) => i % checkedEvery === 0);
}

/** Returns the largest difference between log-probabilities of the same tokens. */
export function largestGap(a: Float32Array, b: Float32Array): number {
  return a.reduce((largest, logprob, t) => Math.max(largest, Math.abs(logprob - at(b, t))), 0);
}

/** How far the policy that sampled is from the policy at the start of the step. */
export interface OffPolicy {
  /** Updates between the two versions. */
  readonly staleness: number;
  /** The effective sample size of the batch's tokens, as a share of their number. */
  readonly effectiveSampleSize: number;
}

/**
 * Returns how far the sampler of a batch is from the policy at the start of the step.
 *
 * @param current ln π of every token of the batch, [tokens]
 */
export function offPolicyOf({ logprobs }: Batch, current: Float32Array, staleness: number): OffPolicy {
  return { staleness, effectiveSampleSize: effectiveSampleSize(current, logprobs) };
}

/** The inputs of the surrogate. */
export interface Corrected {
  readonly batch: Batch;
  readonly signal: LearningSignal;
}

/**
 * Applies `ppo.importanceCap`: multiplies each completion's advantages by its truncated weight, and makes π the surrogate's old policy.
 *
 * @param current ln π of every token of the batch, [tokens]
 */
export function decoupled({ batch, signal }: Corrected, current: Float32Array, cap: number): Corrected {
  const { lengths, logprobs } = batch;
  const weights = truncatedWeights(current, logprobs, lengths, cap);
  const rows = signal.perToken ? [...weights].flatMap((weight, i) => new Array<number>(at(lengths, i)).fill(weight)) : weights; // prettier-ignore
  const weighted = (advantages: Float64Array): Float64Array => {
    const columns = advantages.length / rows.length;
    return advantages.map((advantage, i) => advantage * at(rows, Math.floor(i / columns)));
  };
  const { scalar } = signal;
  const advantages = weighted(signal.advantages);
  const corrected = { ...signal, advantages, ...(scalar && { scalar: weighted(scalar) }) };
  return { batch: { ...batch, logprobs: current }, signal: corrected };
}
