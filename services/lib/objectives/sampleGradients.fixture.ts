/** For the specifications in this folder: arbitrary gradients, and plain linear algebra to check against. Not exported. */

import assert from 'node:assert/strict';
import fc from 'fast-check';
import { gramMatrix, type Gram } from './mod.js';

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
  for (let k = 0; k < a.length; k++) sum += a[k]! * b[k]!;
  return sum;
};

/** Euclidean norm. */
export const norm = (a: ArrayLike<number>): number => Math.sqrt(inner(a, a));

/** Σ w_i g_i. */
export const sumOf = (vectors: readonly (readonly number[])[], weights: ArrayLike<number>): number[] =>
  vectors[0]!.map((_, k) => vectors.reduce((sum, vector, i) => sum + weights[i]! * vector[k]!, 0));

/** Asserts |actual - expected| ≤ tolerance. */
export const assertClose = (actual: number, expected: number, tolerance: number, what = ''): void =>
  assert.ok(Math.abs(actual - expected) <= tolerance, `${what} ${actual} is not ${expected} to ${tolerance}`);
