/**
 * Gradients per unit of advantage. A surrogate loss is proportional to its advantages, so a gradient worker gets each
 * objective's advantages divided by the largest of them, and the coordinator keeps the divisor in float64. No float32
 * number then depends on the scale of a reward: nothing overflows, and a method that is invariant to the scale in exact
 * arithmetic trains the same policy for every scale.
 */
import { at } from '@gapo/numeric';
import { gramMatrix, scaledGram, weightedSum, type Gram } from '@gapo/objectives';
import type { BatchGradients } from '../../workers/gradients.js';

/** Advantages as gradient workers get them. */
export interface UnitAdvantages {
  /** [rows, K]; the largest absolute value of a column is 1, or 0 if the column is 0. */
  readonly units: Float32Array;
  /** What each column was divided by, length K; 1 for a column of zeros. */
  readonly scales: Float64Array;
}

/** The gradients s_k·u_k of K surrogate losses. */
export interface ObjectiveGradients extends Pick<BatchGradients, 'regularizer' | 'statistics'> {
  /** u, K gradients, [parameters]. */
  readonly units: readonly Float32Array[];
  /** s, length K. */
  readonly scales: Float64Array;
}

/** Divides each column of advantages [rows, K] by its largest absolute value. */
export function unitAdvantages(advantages: Float64Array, count: number): UnitAdvantages {
  const scales = new Float64Array(count);
  advantages.forEach((advantage, i) => (scales[i % count] = Math.max(at(scales, i % count), Math.abs(advantage))));
  scales.forEach((scale, k) => (scales[k] = scale === 0 ? 1 : scale));
  return { units: Float32Array.from(advantages, (advantage, i) => advantage / at(scales, i % count)), scales };
}

/** Returns the Gram matrix of the gradients s_k·u_k. */
export function gramOf({ units, scales }: ObjectiveGradients, names: readonly string[]): Gram {
  return scaledGram(gramMatrix(units, names), scales);
}

/**
 * Returns Σ w_k s_k u_k, [parameters]. Each factor w_k·s_k is rounded to float32, as the gradients are: weights that are
 * equal but for the last bits of a float64 give the same direction.
 */
export function directionOf({ units, scales }: ObjectiveGradients, weights: ArrayLike<number>): Float32Array {
  const factors = Float32Array.from(scales, (scale, k) => at(weights, k) * scale);
  return weightedSum(units, factors, new Float32Array(at(units, 0).length));
}
