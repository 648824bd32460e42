/** From a Gram matrix to the weights of the update, and what they promise each objective. */

import { gradientNorms, progressOf, type Gram } from '../gram/gram.js';
import { minNorm } from '../solvers/minNorm.js';
import type { Choice } from './combiner.js';
import { combinerOf, combiners, type CombineOptions, type Registry } from './registry.js';

/** Weights of the direction d = Σ w_i g_i, with quantities that show whether it does what it should. */
export interface Combination extends Choice {
  /** ‖g_i‖, length K. */
  readonly norms: Float64Array;
  /**
   * min ‖Σ a_i g_i / ‖g_i‖ ‖² over the simplex, in [0, 1]: 0 if the policy is Pareto stationary (no direction helps
   * all; this includes any zero gradient), 1 if all gradients point the same way. Independent of the method.
   */
  readonly stationarity: number;
  /** ⟨g_i, d⟩ for every i, length K: the first-order change of each objective per unit of step. */
  readonly progress: Float64Array;
}

/**
 * Chooses the weights by the named method.
 *
 * @param gram K×K Gram matrix of the objectives' ascent gradients
 * @throws RangeError for an unknown method, or options that do not fit the objectives; the message names the option
 *
 * @example P-GAPO: a preference weights the normalised gradients.
 *
 * ```ts
 * import { combine, gramMatrix, weightedSum } from '@gapo/objectives';
 *
 * const gradients = [Float32Array.of(1, 0), Float32Array.of(-1, 2)];
 * const gram = gramMatrix(gradients, ['helpful', 'harmless']);
 * const { weights, progress } = combine(gram, { method: 'pgapo', preference: [0.6, 0.4] });
 * console.log(progress.every((slope) => slope > 0)); // true
 * const direction = weightedSum(gradients, weights, new Float32Array(2));
 * console.log(direction); // Float32Array(2) [ 0.42111456394195557, 0.3577708899974823 ]
 * ```
 */
export function combine(gram: Gram, options: CombineOptions): Combination;
/**
 * Chooses the weights by a method of another registry.
 *
 * @param registry the combiners to choose from
 */
export function combine(gram: Gram, options: { readonly method: string }, registry: Registry): Combination;
export function combine(gram: Gram, options: { readonly method: string }, registry: Registry = combiners): Combination {
  const choice = combinerOf(options.method, registry).choose(gram, options);
  return {
    ...choice,
    norms: gradientNorms(gram),
    stationarity: choice.stationarity ?? stationarity(gram),
    progress: progressOf(gram, choice.weights),
  };
}

/** The `stationarity` of a {@link Combination}, alone. */
export function stationarity(gram: Gram): number {
  if (gradientNorms(gram).includes(0)) return 0;
  return Math.min(1, minNorm(gram, 1).certificate.squaredNorm);
}
