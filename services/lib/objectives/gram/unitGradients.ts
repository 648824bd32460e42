/**
 * Gradients as unit directions and lengths: the form of the Gram matrix for methods that need directions. Every
 * quantity is of order one, whatever the gradients' norms.
 */

import { f64 } from '@gapo/numeric';
import { cosineMatrix, gradientNorms, type Gram } from './gram.js';

/** The gradients that have a direction, K' ≤ K of them, and their cosines. */
export interface UnitGradients {
  /** Objectives with a non-zero gradient, ascending, length K'. */
  readonly kept: readonly number[];
  /** Objectives whose gradient is zero, ascending. */
  readonly leftOut: readonly number[];
  /** ‖g_i‖ of the kept objectives, length K'. */
  readonly lengths: Float64Array;
  /** Cosines ⟨u_i, u_j⟩ of the kept ones, K'×K' row-major, unit diagonal. */
  readonly cosines: Float64Array;
}

/** Splits the gradients into directions and lengths. */
export function unitGradients(gram: Gram): UnitGradients {
  const norms = gradientNorms(gram);
  const kept: number[] = [];
  const leftOut: number[] = [];
  for (let i = 0; i < norms.length; i++) (f64(norms, i) > 0 ? kept : leftOut).push(i);
  const lengths = Float64Array.from(kept, (i) => f64(norms, i));
  return { kept, leftOut, lengths, cosines: cosineMatrix(gram, kept) };
}

/**
 * Amounts of the unit directions as weights of the gradients: w_i = x_i / ‖g_i‖, and 0 for omitted ones.
 *
 * @param amounts x, length K'
 * @returns w, length K
 */
export function weightsFromAmounts(size: number, units: UnitGradients, amounts: Float64Array): Float64Array {
  const weights = new Float64Array(size);
  for (const [k, i] of units.kept.entries()) weights[i] = f64(amounts, k) / f64(units.lengths, k);
  return weights;
}

/** C·x for a K'×K' row-major matrix. */
export function multiply(matrix: Float64Array, vector: Float64Array): Float64Array {
  const size = vector.length;
  const product = new Float64Array(size);
  for (let i = 0; i < size; i++) {
    let sum = 0;
    for (let j = 0; j < size; j++) sum += f64(matrix, i * size + j) * f64(vector, j);
    product[i] = sum;
  }
  return product;
}

/** ⟨a, b⟩ of two vectors of one length. */
export function dotProduct(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let k = 0; k < a.length; k++) sum += f64(a, k) * f64(b, k);
  return sum;
}
