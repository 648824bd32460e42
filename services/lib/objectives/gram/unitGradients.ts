/**
 * Gradients as unit directions and lengths: the form in which methods that need directions see the Gram matrix. In it
 * every quantity is of order one, whatever the gradients' norms are.
 */

import { at, f64 } from '@gapo/numeric';
import { cosine, gradientNorms, type Gram } from './gram.js';

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
  const size = kept.length;
  const lengths = new Float64Array(size);
  const cosines = new Float64Array(size * size);
  for (let row = 0; row < size; row++) {
    lengths[row] = f64(norms, at(kept, row));
    cosines[row * size + row] = 1;
    for (let column = 0; column < row; column++) {
      const value = cosine(gram, at(kept, row), at(kept, column));
      cosines[row * size + column] = value;
      cosines[column * size + row] = value;
    }
  }
  return { kept, leftOut, lengths, cosines };
}

/**
 * Amounts of the unit directions as weights of the gradients: w_i = x_i / ‖g_i‖, and 0 for those left out.
 *
 * @param amounts x, length K'
 * @returns w, length K
 */
export function weightsFromAmounts(size: number, units: UnitGradients, amounts: ArrayLike<number>): Float64Array {
  const weights = new Float64Array(size);
  units.kept.forEach((i, k) => (weights[i] = at(amounts, k) / f64(units.lengths, k)));
  return weights;
}

/** C·x for a K'×K' row-major matrix. */
export function multiply(matrix: Float64Array, vector: ArrayLike<number>): Float64Array {
  const size = vector.length;
  const product = new Float64Array(size);
  for (let i = 0; i < size; i++) {
    let sum = 0;
    for (let j = 0; j < size; j++) sum += f64(matrix, i * size + j) * at(vector, j);
    product[i] = sum;
  }
  return product;
}

/** ⟨a, b⟩ of two vectors of one length. */
export function dotProduct(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let k = 0; k < a.length; k++) sum += at(a, k) * at(b, k);
  return sum;
}
