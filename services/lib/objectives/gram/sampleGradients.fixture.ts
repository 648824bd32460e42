/** For the specs in this folder: arbitrary gradients, and plain linear algebra to check against. Not exported. */

import { at } from '@gapo/numeric';
import { assertClose } from '@gapo/numeric/testing';
import fc from 'fast-check';
import { gramMatrix, type Gram } from '../mod.js';

/** `o0`, `o1`, …: K names. */
export const namesFor = (size: number): string[] => Array.from({ length: size }, (_, i) => `o${i}`);

/** The Gram matrix of vectors written as plain arrays. */
export const gramOf = (vectors: readonly (readonly number[])[]): Gram =>
  gramMatrix(
    vectors.map((vector) => Float64Array.from(vector)),
    namesFor(vectors.length),
  );

/** Entries from -1 to 1 on a grid of 1e-4, so that a shrunk counterexample stays readable; never a zero vector. */
const direction = (length: number): fc.Arbitrary<number[]> =>
  fc
    .array(
      fc.integer({ min: -10_000, max: 10_000 }).map((n) => n / 10_000),
      { minLength: length, maxLength: length },
    )
    .filter((vector) => Math.hypot(...vector) > 0.05);

/** K non-zero vectors of one length, whose norms differ by up to 10^(2·decades). */
export const gradientsOf = (
  size: { min: number; max: number },
  decades: number,
  length = { min: 1, max: 40 },
): fc.Arbitrary<number[][]> =>
  fc.integer(length).chain((n) =>
    fc.array(
      fc
        .tuple(direction(n), fc.integer({ min: -decades, max: decades }))
        .map(([vector, exponent]) => vector.map((x) => x * 10 ** exponent)),
      { minLength: size.min, maxLength: size.max },
    ),
  );

/** Inner product. */
export const inner = (a: ArrayLike<number>, b: ArrayLike<number>): number => {
  let sum = 0;
  for (let k = 0; k < a.length; k++) sum += at(a, k) * at(b, k);
  return sum;
};

/** Euclidean norm. */
export const norm = (a: ArrayLike<number>): number => Math.sqrt(inner(a, a));

/** Σ w_i g_i. */
export const sumOf = (vectors: readonly (readonly number[])[], weights: ArrayLike<number>): number[] =>
  at(vectors, 0).map((_, k) => vectors.reduce((sum, vector, i) => sum + at(weights, i) * at(vector, k), 0));

export { assertClose };

/** A preference on the simplex in which no two neighbours are equal. */
export const preferenceFor = (size: number): number[] => {
  const raw = Array.from({ length: size }, (_, i) => 1 + ((i * 7) % 5));
  const sum = raw.reduce((total, x) => total + x, 0);
  return raw.map((x) => x / sum);
};

/** Gradients that are parallel, opposed, repeated, rounded or dependent, at most `most` of them. */
export const relatedGradients = (most: number): fc.Arbitrary<number[][]> => {
  const relation = fc.constantFrom<(a: number, b: number, k: number) => number>(
    (a) => a,
    (a) => -a,
    (a) => 1e3 * a,
    (a) => -3 * a,
    (a) => 1e-9 * a,
    (a) => Math.fround(-a),
    (a) => Math.fround(1e12 * a),
    (a, b) => Math.fround(a - 0.3 * b),
    (a, b) => a * (1 + 1e-9) + 1e-8 * b,
    (a, _, k) => -a + 1e-13 * k,
  );
  const index = fc.integer({ min: 0, max: 1000 });
  return fc
    .tuple(
      gradientsOf({ min: 2, max: 4 }, 12),
      fc.array(fc.tuple(relation, index, index), { minLength: 1, maxLength: most - 4 }),
    )
    .map(([first, relations]) => {
      const vectors = [...first];
      for (const [combineEntries, i, j] of relations) {
        const [a, b] = [at(vectors, i % vectors.length), at(vectors, j % vectors.length)];
        const next = a.map((x, k) => combineEntries(x, at(b, k), k));
        // Beyond these norms the inner products exceed float64.
        if (norm(next) > 1e-30 && norm(next) < 1e30) vectors.push(next);
      }
      return vectors;
    });
};

/** ‖d‖ if nothing cancelled: the unit of rounding errors in d = Σ w_i g_i. */
export const termsOf = (vectors: readonly (readonly number[])[], weights: ArrayLike<number>): number =>
  vectors.reduce((sum, vector, i) => sum + Math.abs(at(weights, i)) * norm(vector), 0);
