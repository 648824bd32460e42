/**
 * A small dense linear system, solved by Gaussian elimination with full pivoting, or the direction in which it is
 * singular. Sizes here are at most the number of objectives plus one.
 */

import { f64, i32 } from '../at.js';

/** Either the solution of A·x = b, or a vector z ≠ 0 with A·z = 0 up to rounding. */
export type Elimination =
  { readonly kind: 'solution'; readonly x: Float64Array } | { readonly kind: 'singular'; readonly z: Float64Array };

/** A pivot this small, for entries of order one, is what rounding leaves of a zero. */
const negligiblePivot = 4 * Number.EPSILON;

/**
 * Solves A·x = b.
 *
 * @param matrix A, n×n row-major, entries of order one; overwritten
 * @param right b, length n; overwritten
 */
export function eliminate(matrix: Float64Array, right: Float64Array): Elimination {
  const n = right.length;
  const columns = new Int32Array(n);
  for (let k = 0; k < n; k++) columns[k] = k;
  for (let step = 0; step < n; step++) {
    let row = step;
    let column = step;
    let largest = 0;
    for (let i = step; i < n; i++) {
      for (let j = step; j < n; j++) {
        const size = Math.abs(f64(matrix, i * n + j));
        if (size > largest) {
          row = i;
          column = j;
          largest = size;
        }
      }
    }
    if (largest <= negligiblePivot) return { kind: 'singular', z: nullVector(matrix, n, step, columns) };
    swapRows(matrix, right, n, step, row);
    swapColumns(matrix, columns, n, step, column);
    const pivot = f64(matrix, step * n + step);
    for (let i = step + 1; i < n; i++) {
      const factor = f64(matrix, i * n + step) / pivot;
      if (factor === 0) continue;
      for (let j = step; j < n; j++) matrix[i * n + j] = f64(matrix, i * n + j) - factor * f64(matrix, step * n + j);
      right[i] = f64(right, i) - factor * f64(right, step);
    }
  }
  return { kind: 'solution', x: backSubstitute(matrix, right, n, n, columns) };
}

/** Sets the first free variable to one and solves the rows that were eliminated. */
function nullVector(matrix: Float64Array, n: number, rank: number, columns: Int32Array): Float64Array {
  const right = new Float64Array(n);
  for (let i = 0; i < rank; i++) right[i] = -f64(matrix, i * n + rank);
  const z = backSubstitute(matrix, right, n, rank, columns);
  z[i32(columns, rank)] = 1;
  return z;
}

function backSubstitute(
  matrix: Float64Array,
  right: Float64Array,
  n: number,
  rank: number,
  columns: Int32Array,
): Float64Array {
  const x = new Float64Array(n);
  for (let i = rank - 1; i >= 0; i--) {
    let sum = f64(right, i);
    for (let j = i + 1; j < rank; j++) sum -= f64(matrix, i * n + j) * f64(x, i32(columns, j));
    x[i32(columns, i)] = sum / f64(matrix, i * n + i);
  }
  return x;
}

function swapRows(matrix: Float64Array, right: Float64Array, n: number, a: number, b: number): void {
  if (a === b) return;
  for (let j = 0; j < n; j++) {
    const kept = f64(matrix, a * n + j);
    matrix[a * n + j] = f64(matrix, b * n + j);
    matrix[b * n + j] = kept;
  }
  const kept = f64(right, a);
  right[a] = f64(right, b);
  right[b] = kept;
}

function swapColumns(matrix: Float64Array, columns: Int32Array, n: number, a: number, b: number): void {
  if (a === b) return;
  for (let i = 0; i < n; i++) {
    const kept = f64(matrix, i * n + a);
    matrix[i * n + a] = f64(matrix, i * n + b);
    matrix[i * n + b] = kept;
  }
  const kept = i32(columns, a);
  columns[a] = i32(columns, b);
  columns[b] = kept;
}
