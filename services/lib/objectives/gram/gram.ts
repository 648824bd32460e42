/**
 * The Gram matrix of K gradients: everything a combiner needs to know about them.
 *
 * Entries are inner products accumulated in float64 in an order fixed by the length alone, so equal gradients give
 * bitwise equal rows and a repeated call gives bitwise equal results.
 */

import { at, f64, NonFiniteError } from '@gapo/numeric';
import { lowerProducts, type GradientVector } from './products.js';

export { type GradientVector } from './products.js';

/** K×K inner products ⟨g_i, g_j⟩ of K named objectives' gradients. Symmetric positive semidefinite. */
export interface Gram {
  /** Objective names, length K, in the order of rows and columns. */
  readonly names: readonly string[];
  /** Row-major, length K². */
  readonly values: Float64Array;
}

/** Squared norms outside this range have lost digits to underflow or are close to overflow. */
const smallestSquaredNorm = 1e-280;
const largestSquaredNorm = 1e280;

/**
 * Computes the Gram matrix of K gradients of equal length, block by block; never copies a whole gradient. The result is
 * bitwise the same for float32 numbers in a float64 array.
 *
 * @param gradients K vectors of n elements each
 * @param names K distinct names
 * @throws NonFiniteError naming the objective with a NaN or infinite entry
 * @throws RangeError when shapes or names do not fit, or a norm is outside 1e-140 .. 1e140 without being zero
 *
 * @example
 * ```ts
 * import { gramMatrix } from '@gapo/objectives';
 *
 * const helpful = Float32Array.of(1, 0, 0); // gradients of three parameters
 * const harmless = Float32Array.of(-1, 2, 0);
 * const gram = gramMatrix([helpful, harmless], ['helpful', 'harmless']);
 * console.log(gram.values); // Float64Array(4) [ 1, -1, -1, 5 ]
 * ```
 */
export function gramMatrix(gradients: readonly GradientVector[], names: readonly string[]): Gram {
  checkNames(names);
  const size = gradients.length;
  if (size !== names.length) {
    throw new RangeError(`gramMatrix: ${size} gradients but ${names.length} names; give one name for each gradient`);
  }
  const length = at(gradients, 0).length;
  for (const [i, gradient] of gradients.entries()) {
    if (gradient.length !== length) {
      throw new RangeError(
        `gramMatrix: the gradient of ${names[i]} has ${gradient.length} elements, that of ${names[0]} has ${length}; ` +
          'all must be taken over the same parameters',
      );
    }
  }
  if (length === 0) throw new RangeError('gramMatrix: gradients have no elements; nothing is trainable');

  const nonZero = new Array<boolean>(size).fill(false);
  const values = lowerProducts(gradients, (start, count, squares) => {
    for (const [i, gradient] of gradients.entries()) {
      if (!Number.isFinite(squares[i])) throw entryError(gradient, start, count, at(names, i));
      nonZero[i] ||= f64(squares, i) > 0 || someNonZero(gradient, start, count);
    }
  });
  for (const [i, name] of names.entries()) {
    checkRange(f64(values, i * size + i), at(nonZero, i), name);
    for (let j = 0; j < i; j++) values[j * size + i] = f64(values, i * size + j);
  }
  return { names: [...names], values };
}

/**
 * Uses a matrix computed elsewhere as a Gram matrix, after checking that it can be one.
 *
 * @param matrix K×K, row-major, symmetric
 * @throws NonFiniteError naming the objective of the row with a NaN or infinite entry
 * @throws RangeError when it is not K×K or symmetric, has a negative diagonal entry, or breaks |⟨a, b⟩| ≤ ‖a‖‖b‖
 */
export function gramFromMatrix(matrix: ArrayLike<number>, names: readonly string[]): Gram {
  checkNames(names);
  const size = names.length;
  if (matrix.length !== size * size) {
    throw new RangeError(`gramFromMatrix: ${matrix.length} entries for ${size} objectives, expected ${size * size}`);
  }
  const values = Float64Array.from(matrix);
  for (const [i, name] of names.entries()) {
    for (let j = 0; j < size; j++) {
      const value = f64(values, i * size + j);
      if (!Number.isFinite(value)) {
        throw new NonFiniteError(name, 'Gram matrix', i * size + j, value, 'drop the batch that produced it');
      }
    }
    checkRange(f64(values, i * size + i), values[i * size + i] !== 0, name);
  }
  for (let i = 0; i < size; i++) {
    for (let j = 0; j < i; j++) {
      const [value, mirrored] = [f64(values, i * size + j), f64(values, j * size + i)];
      const bound = Math.sqrt(f64(values, i * size + i)) * Math.sqrt(f64(values, j * size + j));
      const where = `entry of ${names[i]} and ${names[j]}`;
      if (value !== mirrored) {
        throw new RangeError(`gramFromMatrix: the ${where} is ${value} one way and ${mirrored} the other`);
      }
      if (Math.abs(value) > bound * (1 + 1e-9)) {
        throw new RangeError(`gramFromMatrix: the ${where} is ${value}, beyond the product of the two norms ${bound}`);
      }
    }
  }
  return { names: [...names], values };
}

/**
 * The Gram matrix of the gradients s_i·g_i: entries s_i·s_j·⟨g_i, g_j⟩.
 *
 * @param scales s, length K, finite and positive
 * @throws RangeError when a norm is outside 1e-140 .. 1e140 without being zero
 */
export function scaledGram({ names, values }: Gram, scales: ArrayLike<number>): Gram {
  const size = names.length;
  const scaled = values.map((value, entry) => at(scales, Math.floor(entry / size)) * at(scales, entry % size) * value);
  for (const [i, name] of names.entries()) {
    checkRange(f64(scaled, i * size + i), f64(values, i * size + i) !== 0, name);
  }
  return { names, values: scaled };
}

/** Euclidean norms ‖g_i‖, length K. */
export function gradientNorms(gram: Gram): Float64Array {
  const size = gram.names.length;
  const norms = new Float64Array(size);
  for (let i = 0; i < size; i++) norms[i] = Math.sqrt(f64(gram.values, i * size + i));
  return norms;
}

/**
 * The cosine of the angle between gradients i and j, in [-1, 1]. Exactly 1 for bitwise equal gradients, exactly -1 for
 * bitwise opposed ones. Both must be non-zero.
 */
export function cosine(gram: Gram, i: number, j: number): number {
  const size = gram.names.length;
  const [a, b] = [f64(gram.values, i * size + i), f64(gram.values, j * size + j)];
  const product = a * b;
  // sqrt(x·x) is exactly |x| in IEEE arithmetic, sqrt(x)·sqrt(x) is not: prefer the first if it cannot overflow.
  const bound = product > 1e-280 && product < 1e280 ? Math.sqrt(product) : Math.sqrt(a) * Math.sqrt(b);
  return Math.max(-1, Math.min(1, f64(gram.values, i * size + j) / bound));
}

/** Cosines of all pairs i < j, row by row: K(K-1)/2 of them. Null if either gradient is zero. */
export function pairCosines(gram: Gram): (number | null)[] {
  const norms = gradientNorms(gram);
  const indices = [...norms.keys()];
  return indices.flatMap((i) =>
    indices.slice(i + 1).map((j) => (f64(norms, i) === 0 || f64(norms, j) === 0 ? null : cosine(gram, i, j))),
  );
}

/**
 * Rebuilds a Gram matrix from the numbers in a step's report: the inverse of {@link gradientNorms} and
 * {@link pairCosines}, up to rounding.
 *
 * @param norms ‖g_i‖, length K
 * @param pairs cosines of all pairs i < j, row by row; null if either gradient is zero
 * @throws RangeError when there is not one cosine for each pair, or as {@link gramFromMatrix}
 */
export function gramFromCosines(
  names: readonly string[],
  norms: ArrayLike<number>,
  pairs: readonly (number | null)[],
): Gram {
  const size = names.length;
  const expected = (size * (size - 1)) / 2;
  if (norms.length !== size || pairs.length !== expected) {
    throw new RangeError(
      `gramFromCosines: ${norms.length} norms and ${pairs.length} cosines for ${size} objectives, expected ${size} and ${expected}`,
    );
  }
  const values = new Float64Array(size * size);
  let next = 0;
  for (let i = 0; i < size; i++) {
    values[i * size + i] = at(norms, i) ** 2;
    for (let j = i + 1; j < size; j++) {
      const product = at(norms, i) * at(norms, j) * (at(pairs, next++) ?? 0);
      values[i * size + j] = product;
      values[j * size + i] = product;
    }
  }
  return gramFromMatrix(values, names);
}

/**
 * Cosines between some of the gradients, which must be non-zero.
 *
 * @param indices K' objectives
 * @returns [K', K'], symmetric with a unit diagonal
 */
export function cosineMatrix(gram: Gram, indices: readonly number[]): Float64Array {
  const size = indices.length;
  const cosines = new Float64Array(size * size);
  let row = 0;
  for (const i of indices) {
    cosines[row * size + row] = 1;
    let column = 0;
    for (const j of indices) {
      if (column === row) break;
      const value = cosine(gram, i, j);
      cosines[row * size + column] = value;
      cosines[column * size + row] = value;
      column++;
    }
    row++;
  }
  return cosines;
}

/** Inner products of every gradient with d = Σ w_j g_j, that is G·w: length K. */
export function progressOf(gram: Gram, weights: Float64Array): Float64Array {
  const size = gram.names.length;
  const progress = new Float64Array(size);
  for (let i = 0; i < size; i++) {
    let sum = 0;
    for (let j = 0; j < size; j++) sum += f64(gram.values, i * size + j) * f64(weights, j);
    progress[i] = sum;
  }
  return progress;
}

function someNonZero(gradient: GradientVector, start: number, count: number): boolean {
  return gradient.subarray(start, start + count).some((entry) => entry !== 0);
}

function entryError(gradient: GradientVector, start: number, count: number, name: string): Error {
  const block = gradient.subarray(start, start + count);
  const k = block.findIndex((entry) => !Number.isFinite(entry));
  if (k < 0) return new RangeError(`${name}: the squared norm of the gradient overflows; scale the loss down`);
  return new NonFiniteError(name, 'gradient', start + k, at(block, k), 'drop the batch, or lower the learning rate');
}

function checkRange(squared: number, nonZero: boolean, name: string): void {
  if (squared === 0 && !nonZero) return;
  if (squared >= smallestSquaredNorm && squared <= largestSquaredNorm) return;
  throw new RangeError(
    `${name}: the squared norm of the gradient is ${squared}, outside ${smallestSquaredNorm} to ` +
      `${largestSquaredNorm} where its inner products keep their digits; rescale this objective's loss`,
  );
}

function checkNames(names: readonly string[]): void {
  if (names.length === 0) throw new RangeError('no objectives: at least one is needed');
  const seen = new Set<string>();
  for (const name of names) {
    if (seen.has(name)) throw new RangeError(`objective name ${name} appears twice; names must be distinct`);
    seen.add(name);
  }
}
