/** Small symmetric positive definite systems by Cholesky's factorisation A = L·Lᵀ. */

import { f64 } from '../at.js';

/** A pivot this small, in a matrix with a unit diagonal, is what rounding leaves of a zero. */
const negligiblePivot = 8 * Number.EPSILON;

/**
 * Factors A in place: its lower triangle becomes L, the rest is left as it is.
 *
 * @param matrix n×n row-major, diagonal of order one
 * @returns false where a pivot is negligible, which means that A is singular up to rounding; the triangle is then spoilt
 */
export function factor(matrix: Float64Array, n: number): boolean {
  for (let j = 0; j < n; j++) {
    let pivot = f64(matrix, j * n + j);
    const diagonal = pivot;
    for (let k = 0; k < j; k++) pivot -= f64(matrix, j * n + k) * f64(matrix, j * n + k);
    if (!(pivot > negligiblePivot * diagonal)) return false;
    const root = Math.sqrt(pivot);
    matrix[j * n + j] = root;
    for (let i = j + 1; i < n; i++) {
      let sum = f64(matrix, i * n + j);
      for (let k = 0; k < j; k++) sum -= f64(matrix, i * n + k) * f64(matrix, j * n + k);
      matrix[i * n + j] = sum / root;
    }
  }
  return true;
}

/**
 * Solves L·Lᵀ·x = b.
 *
 * @param factored what {@link factor} left, n×n
 * @param right b, length n at least; its first n entries become x
 */
export function substitute(factored: Float64Array, n: number, right: Float64Array): void {
  for (let i = 0; i < n; i++) {
    let sum = f64(right, i);
    for (let k = 0; k < i; k++) sum -= f64(factored, i * n + k) * f64(right, k);
    right[i] = sum / f64(factored, i * n + i);
  }
  for (let i = n - 1; i >= 0; i--) {
    let sum = f64(right, i);
    for (let k = i + 1; k < n; k++) sum -= f64(factored, k * n + i) * f64(right, k);
    right[i] = sum / f64(factored, i * n + i);
  }
}
