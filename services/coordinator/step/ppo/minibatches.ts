/** A step's material split into pieces with an update for each: a seeded split of the completions, the same on every run. */
import { deriveSeed, permutation } from '@gapo/numeric';
import { columns, createBatch, picked, tokensOf } from '../../data/batch.js';
import { splitEvenly } from '../../data/prompts.js';
import type { LossInputs } from '../updates/updates.js';

/**
 * The completions of each minibatch of an epoch, ascending: sizes differ by at most one, every completion is in one.
 *
 * @param count completions, at least `pieces`
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
 * The part of a step's material that belongs to some of its completions. Sums over its tokens are divided by their own
 * number.
 *
 * @param count objectives
 * @param places of the completions, ascending
 * @param bounds the prompts [start, end) of each shard
 */
export function minibatch(
  { batch, signal, referenceLogprobs, oldValues }: LossInputs,
  count: number,
  places: readonly number[],
  bounds: readonly (readonly [number, number])[],
): LossInputs {
  const part = createBatch(
    places.map((at) => batch.samples[at]!),
    bounds,
  );
  const tokens = tokensOf(batch, places);
  const rows = <T extends Float32Array | undefined>(values: T): T =>
    (values && picked(values, values.length / batch.tokens, tokens)) as T;
  const width = signal.advantages.length / count;
  const chosen = signal.perToken ? tokens : places;
  const advantages = new Float32Array(count * chosen.length);
  for (let k = 0; k < count; k++) {
    const row = columns(signal.advantages.subarray(k * width, (k + 1) * width), 1, 0, width);
    chosen.forEach((at, i) => (advantages[k * chosen.length + i] = row[at]!));
  }
  return {
    batch: part,
    signal: { perToken: signal.perToken, advantages, returns: rows(signal.returns) },
    referenceLogprobs: rows(referenceLogprobs),
    oldValues: rows(oldValues),
    denominator: part.tokens,
  };
}
