/** Clipping by the global norm: one factor for all tensors, so that the direction stays as it is. */

import { entryOf, findNonFinite, type Gradients } from './tensors.js';

/** What clipping found and did. */
export interface Clipped {
  /** Euclidean norm over all tensors before clipping, in float64. */
  readonly norm: number;
  /** What every entry was multiplied by: min(1, maxNorm / norm). */
  readonly scale: number;
}

/**
 * Euclidean norm over all tensors together, accumulated in float64 in their order.
 *
 * @throws NonFiniteGradientError for an entry that is NaN or infinite
 * @throws RangeError where finite entries have a norm beyond float64
 */
export function globalNorm(gradients: Gradients): number {
  let squared = 0;
  for (const gradient of gradients) {
    let partial = 0;
    for (let i = 0; i < gradient.length; i++) {
      const entry = entryOf(gradient, i);
      partial += entry * entry;
    }
    squared += partial;
  }
  if (!Number.isFinite(squared)) {
    throw findNonFinite(gradients) ?? new RangeError('the global gradient norm overflows; scale the loss down');
  }
  return Math.sqrt(squared);
}

/**
 * Scales the gradients in place to a norm of at most `maxNorm`.
 *
 * @param maxNorm > 0; Infinity never clips
 * @throws NonFiniteGradientError before anything is modified
 */
export function clipGlobalNorm(gradients: Gradients, maxNorm: number): Clipped {
  if (!(maxNorm > 0)) throw new RangeError(`maximum gradient norm is ${maxNorm}, expected a number above 0`);
  const norm = globalNorm(gradients);
  if (norm <= maxNorm) return { norm, scale: 1 };
  const scale = maxNorm / norm;
  for (const gradient of gradients) {
    for (let i = 0; i < gradient.length; i++) gradient[i] = entryOf(gradient, i) * scale;
  }
  return { norm, scale };
}
