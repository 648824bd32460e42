/** A step's loss inputs split into minibatches with an update for each: by seed, step and epoch alone. */
import { at, deriveSeed, permutation } from '@gapo/numeric';
import { createBatch, picked, splitEvenly, tokensOf, type Ranges } from '../../data/batch.js';
import type { LossInputs } from '../updates/lossInputs.js';

/**
 * Returns the completions of each minibatch of an epoch, ascending. Sizes differ by at most one; every completion is in
 * exactly one minibatch.
 *
 * @param count number of completions, at least `pieces`
 */
export function minibatchPlaces(
  count: number,
  pieces: number,
  seed: number,
  step: number,
  epoch: number,
): readonly (readonly number[])[] {
  const order = permutation(count, deriveSeed(seed, 'minibatches'), step, epoch);
  return splitEvenly(count, pieces).map(([start, end]) => [...order.subarray(start, end)].sort((a, b) => a - b));
}

/**
 * Returns the part of a step's loss inputs that belongs to some of its completions. Sums over its tokens are divided by
 * its own number of tokens.
 *
 * @param places of the completions, ascending
 * @param bounds the prompts of each shard
 */
export function minibatch(
  { batch, signal, referenceLogprobs, oldValues }: LossInputs,
  places: readonly number[],
  bounds: Ranges,
): LossInputs {
  const part = createBatch(
    places.map((place) => at(batch.samples, place)),
    bounds,
  );
  const tokens = tokensOf(batch, places);
  const rows = (values: Float32Array | undefined): Float32Array | undefined =>
    values && picked(values, values.length / batch.tokens, tokens);
  const [count, chosen] = signal.perToken ? [batch.tokens, tokens] : [batch.samples.length, places];
  const advantages = picked(signal.advantages, signal.advantages.length / count, chosen); // [chosen, K]
  return {
    batch: part,
    signal: { perToken: signal.perToken, advantages, returns: rows(signal.returns) },
    referenceLogprobs: rows(referenceLogprobs),
    oldValues: rows(oldValues),
    denominator: part.tokens,
  };
}
