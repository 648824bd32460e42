/** Minibatches of a step: one update per minibatch. The seed, step and epoch determine the partition. */
import { at, deriveSeed, permutation } from '@gapo/numeric';
import { createBatch, pickRows, splitEvenly, tokenIndices, type Ranges } from '../../data/batch.js';
import type { LossInputs } from '../updates/lossInputs.js';

/**
 * Partitions the completions of a step into the minibatches of an epoch. Their sizes differ by at most one.
 *
 * @param count number of completions
 * @param minibatches number of minibatches, at most `count`
 * @returns the indices of the completions of each minibatch, ascending
 */
export function minibatchIndices(
  count: number,
  minibatches: number,
  seed: number,
  step: number,
  epoch: number,
): readonly (readonly number[])[] {
  const order = permutation(count, deriveSeed(seed, 'minibatches'), step, epoch);
  return splitEvenly(count, minibatches).map(([start, end]) => [...order.subarray(start, end)].sort((a, b) => a - b));
}

/**
 * Returns the loss inputs of one minibatch. The denominator is its number of tokens.
 *
 * @param inputs of the whole step
 * @param indices of the completions of the minibatch, ascending
 * @param bounds the prompts of each shard
 */
export function minibatch(
  { batch, signal, referenceLogprobs, oldValues }: LossInputs,
  indices: readonly number[],
  bounds: Ranges,
): LossInputs {
  const part = createBatch(
    indices.map((index) => at(batch.samples, index)),
    bounds,
  );
  const tokens = tokenIndices(batch, indices);
  // The surrogate's old policy may differ from the sampler.
  const logprobs = pickRows(batch.logprobs, 1, tokens);
  const rows = (values: Float32Array | undefined): Float32Array | undefined =>
    values && pickRows(values, values.length / batch.tokens, tokens);
  const [count, chosen] = signal.perToken ? [batch.tokens, tokens] : [batch.samples.length, indices];
  const advantages = pickRows(signal.advantages, signal.advantages.length / count, chosen); // [chosen, K]
  const scalar = signal.scalar && pickRows(signal.scalar, 1, chosen); // [chosen]
  return {
    batch: { ...part, logprobs },
    signal: { perToken: signal.perToken, advantages, returns: rows(signal.returns), ...(scalar && { scalar }) },
    referenceLogprobs: rows(referenceLogprobs),
    oldValues: rows(oldValues),
    denominator: part.tokens,
  };
}
