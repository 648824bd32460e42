import assert from 'node:assert/strict';
import { test } from 'node:test';
import { at, f64, NonFiniteError } from '@gapo/numeric';
import fc from 'fast-check';
import {
  cosine,
  gradientNorms,
  gramFromMatrix,
  gramMatrix,
  pairCosines,
  progressOf,
  weightedSum,
  type GradientVector,
} from '../mod.js';
import { assertClose, gradientsOf, gramOf, inner, namesFor, norm, sumOf } from './sampleGradients.fixture.js';

test('entries are inner products, whatever the length and the mix of precisions', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 3000 }), fc.integer({ min: 1, max: 5 }), (length, size) => {
      const gradients = Array.from({ length: size }, (_, i) => {
        const entries = { length };
        const entry = (_: unknown, k: number): number => Math.sin(k * (i + 1) + i);
        return i % 2 === 0 ? Float32Array.from(entries, entry) : Float64Array.from(entries, entry);
      });
      const gram = gramMatrix(gradients, namesFor(size));
      for (let i = 0; i < size; i++) {
        for (let j = 0; j < size; j++) {
          const expected = inner(at(gradients, i), at(gradients, j));
          assertClose(f64(gram.values, i * size + j), expected, 1e-11 * length);
          assert.equal(gram.values[i * size + j], gram.values[j * size + i]);
        }
      }
    }),
    { numRuns: 50 },
  );
});

/** The sum in the order that a run's bytes depend on: lanes of even and odd elements, within blocks of 8192. */
function orderedInner(a: GradientVector, b: GradientVector): number {
  let total = 0;
  for (let start = 0; start < a.length; start += 8192) {
    const lanes = [0, 0];
    for (let k = start; k < Math.min(start + 8192, a.length); k++)
      lanes[k % 2] = at(lanes, k % 2) + at(a, k) * at(b, k);
    total += at(lanes, 0) + at(lanes, 1);
  }
  return total;
}

test('products are added in the order that the bytes of a run depend on, in float32 and in float64, whole and in part', () => {
  fc.assert(
    fc.property(
      fc.oneof(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 8000, max: 17000 })),
      fc.integer({ min: 1, max: 11 }),
      (length, size) => {
        const singles = Array.from({ length: size }, (_, i) =>
          Float32Array.from({ length }, (__, k) => Math.sin(k * (i + 1) + i) * 10 ** (i - 4)),
        );
        const names = namesFor(size);
        const direct = gramMatrix(singles, names);
        const expected = singles.flatMap((a) => singles.map((b) => orderedInner(a, b)));
        assert.deepEqual([...direct.values], expected);
        assert.deepEqual(
          gramMatrix(
            singles.map((array) => Float64Array.from(array)),
            names,
          ),
          direct,
        );
        // Slices of them with arbitrary bounds.
        if (length > 3) {
          const parts = singles.map((array) => array.subarray(1, length - 1));
          assert.deepEqual(
            gramMatrix(parts, names),
            gramMatrix(
              parts.map((part) => Float32Array.from(part)),
              names,
            ),
          );
        }
      },
    ),
    { numRuns: 60 },
  );
});

test('gradients of both precisions combine', () => {
  const ones = new Float32Array(5).fill(1);
  assert.deepEqual([...gramMatrix([ones, new Float32Array(5).fill(2)], ['a', 'b']).values], [5, 10, 10, 20]);
  assert.deepEqual([...gramMatrix([ones, Float64Array.of(0, 0, 0, 0, 3)], ['a', 'b']).values], [5, 3, 3, 9]);
});

test('float32 gradients are accumulated in float64', () => {
  const gram = gramMatrix([new Float32Array(3_000_000).fill(0.1)], ['helpful']);
  assertClose(f64(gram.values, 0) / (Math.fround(0.1) ** 2 * 3_000_000), 1, 1e-12);
});

test('equal and opposed gradients have cosines of exactly 1 and -1', () => {
  fc.assert(
    fc.property(gradientsOf({ min: 1, max: 1 }, 12), (vectors) => {
      const vector = at(vectors, 0);
      const gram = gramOf([vector, vector, vector.map((x) => -x)]);
      assert.equal(cosine(gram, 0, 1), 1);
      assert.equal(cosine(gram, 0, 2), -1);
    }),
  );
});

test('cosines of all pairs, row by row, without those of a gradient of zero', () => {
  const gram = gramOf([
    [3, 0],
    [0, 0],
    [0, 2],
    [-5, 5],
  ]);
  const half = Math.SQRT1_2;
  const found = pairCosines(gram);
  assert.deepEqual([found[0], found[1], found[3], found[4]], [null, 0, null, null]);
  assertClose(at(found.map(Number), 2), -half, 1e-15);
  assertClose(at(found.map(Number), 5), half, 1e-15);
  assert.equal(found.length, 6);
});

test('a non-finite entry is an error that names its objective and place', () => {
  for (const value of [NaN, Infinity, -Infinity]) {
    const bad = new Float32Array(2500);
    bad[2100] = value;
    assert.throws(
      () => gramMatrix([new Float32Array(2500).fill(1), bad], ['helpful', 'harmless']),
      (error) =>
        error instanceof NonFiniteError &&
        error.objective === 'harmless' &&
        error.index === 2100 &&
        Object.is(error.value, value) &&
        error.message.startsWith('harmless: gradient entry 2100'),
    );
  }
});

test('shapes, names and magnitudes that do not fit are refused', () => {
  const one = Float64Array.of(1);
  assert.throws(() => gramMatrix([], []), /at least one/);
  assert.throws(() => gramMatrix([one, one], ['a']), /2 gradients but 1 names/);
  assert.throws(() => gramMatrix([one, one], ['a', 'a']), /a appears twice/);
  assert.throws(() => gramMatrix([one, Float64Array.of(1, 2)], ['a', 'b']), /gradient of b has 2 elements/);
  assert.throws(() => gramMatrix([new Float64Array(0)], ['a']), /no elements/);
  assert.throws(() => gramMatrix([Float64Array.of(1e200)], ['a']), /a: .*overflows/);
  assert.throws(() => gramMatrix([Float64Array.of(1e-200)], ['a']), /a: .*rescale this objective/);
  assert.deepEqual([...gramMatrix([Float64Array.of(0)], ['a']).values], [0]);
});

test('a matrix from elsewhere is checked for what a Gram matrix is', () => {
  assert.deepEqual([...gramFromMatrix([18, -22, -22, 38], ['a', 'b']).values], [18, -22, -22, 38]);
  assert.throws(() => gramFromMatrix([1, 2, 2], ['a', 'b']), /3 entries for 2 objectives, expected 4/);
  assert.throws(() => gramFromMatrix([1, 0, 0.5, 1], ['a', 'b']), /entry of b and a is 0.5 one way and 0 the other/);
  assert.throws(() => gramFromMatrix([1, 2, 2, 1], ['a', 'b']), /beyond the product of the two norms/);
  assert.throws(() => gramFromMatrix([-1], ['a']), /squared norm of the gradient is -1/);
  assert.throws(() => gramFromMatrix([1, NaN, NaN, 1], ['a', 'b']), NonFiniteError);
});

test('norms, progress and direction agree with the vectors', () => {
  fc.assert(
    fc.property(gradientsOf({ min: 1, max: 6 }, 2), (vectors) => {
      const gram = gramOf(vectors);
      const weights = Float64Array.from(vectors, (_, i) => (i * 0.37) % 1);
      const expected = sumOf(vectors, weights);
      const gradients = vectors.map((vector) => Float64Array.from(vector));
      const d = weightedSum(gradients, weights, new Float64Array(expected.length));
      const size = norm(expected);
      expected.forEach((x, k) => assertClose(f64(d, k), x, 1e-12 * (1 + Math.abs(x))));
      const progress = progressOf(gram, weights);
      const norms = gradientNorms(gram);
      const terms = vectors.reduce((sum, vector, i) => sum + f64(weights, i) * norm(vector), 0);
      vectors.forEach((vector, i) => {
        assertClose(f64(norms, i), norm(vector), 1e-12 * norm(vector));
        assertClose(f64(progress, i), inner(vector, d), 1e-12 * norm(vector) * (size + terms));
      });
    }),
  );
});

test('the direction may be written over a gradient, and needs matching shapes', () => {
  const gradients = [Float32Array.from({ length: 2000 }, (_, k) => k), new Float32Array(2000).fill(1)];
  const into = weightedSum(gradients, [2, -1], at(gradients, 0));
  assert.equal(into[1999], 2 * 1999 - 1);
  assert.throws(() => weightedSum(gradients, [1], into), /2 gradients but 1 weights/);
  assert.throws(() => weightedSum(gradients, [1, 1], new Float32Array(3)), /gradient 0 has 2000 elements, expected 3/);
});
