/** The update direction itself: the weighted sum of the gradients that a combiner's weights describe. */

import { at, f64 } from '@gapo/numeric';
import type { GradientVector } from './gram.js';

/** Elements summed per block: two blocks fit in the L1 cache. */
const blockLength = 1024;

/**
 * d = Σ w_i g_i, summed in float64 in the order of the objectives, then rounded to what `into` holds.
 *
 * @param gradients K vectors of n elements
 * @param weights length K
 * @param into n elements, overwritten; may be one of the gradients
 * @returns `into`
 * @throws RangeError when lengths differ
 */
export function weightedSum<T extends GradientVector>(
  gradients: readonly GradientVector[],
  weights: ArrayLike<number>,
  into: T,
): T {
  if (gradients.length !== weights.length) {
    throw new RangeError(`weightedSum: ${gradients.length} gradients but ${weights.length} weights`);
  }
  const length = into.length;
  for (const [i, gradient] of gradients.entries()) {
    if (gradient.length !== length) {
      throw new RangeError(`weightedSum: gradient ${i} has ${gradient.length} elements, expected ${length}`);
    }
  }
  const block = new Float64Array(Math.min(blockLength, length));
  const entries = new Float64Array(block.length);
  for (let start = 0; start < length; start += block.length) {
    const count = Math.min(block.length, length - start);
    block.fill(0);
    for (const [i, gradient] of gradients.entries()) {
      const weight = at(weights, i);
      if (weight === 0) continue; // saves the pass over an omitted gradient
      entries.set(gradient.subarray(start, start + count));
      for (let k = 0; k < count; k++) block[k] = f64(block, k) + weight * f64(entries, k);
    }
    into.set(count === block.length ? block : block.subarray(0, count), start);
  }
  return into;
}
