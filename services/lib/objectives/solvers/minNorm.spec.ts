import assert from 'node:assert/strict';
import { test } from 'node:test';
import { at, eliminate, f64 } from '@gapo/numeric';
import fc from 'fast-check';
import {
  assertClose,
  gradientsOf,
  gramOf,
  inner,
  namesFor,
  norm,
  relatedGradients,
  sumOf,
} from '../gram/sampleGradients.fixture.js';
import { gradientNorms, gramFromMatrix, gramMatrix, kktTolerance, minNorm, progressOf, type Gram } from '../mod.js';

/** The certificate's claim, recomputed from the Gram matrix alone. */
function recomputedResidual(gram: Gram, alpha: Float64Array, squaredNorm: number): number {
  const progress = progressOf(gram, alpha);
  const norms = gradientNorms(gram);
  const terms = alpha.reduce((sum, a, i) => sum + a * f64(norms, i), 0);
  return Math.max(
    ...progress.map((value, i) => {
      const slack = (value - squaredNorm) / (f64(norms, i) * terms);
      return f64(alpha, i) > 0 ? Math.abs(slack) : -slack;
    }),
  );
}

function assertOptimal(vectors: readonly (readonly number[])[]): void {
  const gram = gramOf(vectors);
  const { alpha, weights, certificate } = minNorm(gram);
  assert.ok(certificate.relativeResidual <= kktTolerance);
  assert.ok(recomputedResidual(gram, alpha, certificate.squaredNorm) <= kktTolerance);
  assert.ok(alpha.every((a) => a >= 0));
  assertClose(
    alpha.reduce((sum, a) => sum + a, 0),
    1,
    1e-12,
    'sum of alpha',
  );
  alpha.forEach((a, i) => assertClose(f64(weights, i), a, 1e-12 * a));
  assert.deepEqual(
    certificate.active,
    [...alpha.keys()].filter((i) => f64(alpha, i) > 0),
  );
}

/** Smallest squared norm by trying every set of active objectives. */
function bruteForce(vectors: readonly (readonly number[])[]): number {
  const size = vectors.length;
  let best = Infinity;
  for (let mask = 1; mask < 1 << size; mask++) {
    const members = [...vectors.keys()].filter((i) => mask & (1 << i));
    const n = members.length + 1;
    const matrix = new Float64Array(n * n);
    const right = new Float64Array(n);
    right[0] = 1;
    members.forEach((i, row) => {
      matrix[row + 1] = 1;
      matrix[(row + 1) * n] = 1;
      members.forEach((j, column) => (matrix[(row + 1) * n + column + 1] = inner(at(vectors, i), at(vectors, j))));
    });
    const solved = eliminate(matrix, right);
    if (solved.kind === 'singular') continue; // a smaller set reaches the same point
    const alpha = new Float64Array(size);
    members.forEach((i, k) => (alpha[i] = f64(solved.x, k + 1)));
    if (alpha.some((a) => a < -1e-9)) continue;
    best = Math.min(best, norm(sumOf(vectors, alpha)) ** 2);
  }
  return best;
}

test('elimination solves regular systems and finds the null direction of singular ones', () => {
  const solved = eliminate(Float64Array.of(0, 2, 1, 1), Float64Array.of(4, 5));
  assert.deepEqual(solved, { kind: 'solution', x: Float64Array.of(3, 2) });
  const singular = eliminate(Float64Array.of(1, 2, 2, 4), Float64Array.of(1, 2));
  assert.equal(singular.kind, 'singular');
  assert.ok(singular.kind === 'singular' && singular.z.some((z) => z !== 0));
  assert.ok(singular.kind === 'singular' && f64(singular.z, 0) + 2 * f64(singular.z, 1) === 0);
});

test('the Jacobian [[-4, 1, 1], [6, 1, 1]] gives weights 0.6 and 0.4', () => {
  const { alpha, certificate } = minNorm(
    gramOf([
      [-4, 1, 1],
      [6, 1, 1],
    ]),
  );
  assertClose(f64(alpha, 0), 0.6, 1e-15);
  assertClose(f64(alpha, 1), 0.4, 1e-15);
  assertClose(certificate.squaredNorm, 2, 1e-14);
});

test('for up to six objectives the norm is the least that any active set reaches', () => {
  fc.assert(
    fc.property(gradientsOf({ min: 1, max: 6 }, 0, { min: 1, max: 8 }), (vectors) => {
      const expected = bruteForce(vectors);
      const largest = Math.max(...vectors.map(norm)) ** 2;
      assertClose(minNorm(gramOf(vectors)).certificate.squaredNorm, expected, 1e-10 * largest);
    }),
    { numRuns: 300 },
  );
});

test('every solution up to 32 objectives and norms from 1e-12 to 1e12 satisfies its certificate', () => {
  fc.assert(
    fc.property(gradientsOf({ min: 1, max: 32 }, 12), (vectors) => assertOptimal(vectors)),
    { numRuns: 300 },
  );
});

test('parallel, opposed, repeated, rounded and dependent gradients satisfy their certificates', () => {
  fc.assert(
    fc.property(relatedGradients(16), (vectors) => assertOptimal(vectors)),
    { numRuns: 500 },
  );
});

test('K = 1 has weight 1, a zero gradient takes it all, zeros share it', () => {
  assert.deepEqual([...minNorm(gramOf([[3, 4]])).alpha], [1]);
  assertClose(minNorm(gramOf([[3, 4]])).certificate.squaredNorm, 25, 1e-13);
  const withZeros = minNorm(
    gramOf([
      [1, 2],
      [0, 0],
      [3, 1],
      [0, 0],
    ]),
  );
  assert.deepEqual([...withZeros.alpha], [0, 0.5, 0, 0.5]);
  assert.deepEqual(withZeros.certificate, { relativeResidual: 0, squaredNorm: 0, active: [1, 3], iterations: 0 });
});

test('repeated gradients share their weight equally, exactly opposed ones cancel exactly', () => {
  assert.deepEqual(
    [
      ...minNorm(
        gramOf([
          [1, 2],
          [1, 2],
        ]),
      ).alpha,
    ],
    [0.5, 0.5],
  );
  assert.deepEqual(
    [
      ...minNorm(
        gramOf([
          [1, 2],
          [-1, -2],
        ]),
      ).alpha,
    ],
    [0.5, 0.5],
  );
  const thirds = minNorm(
    gramOf([
      [0.1, 0.7],
      [0.1, 0.7],
      [0.1, 0.7],
    ]),
  );
  thirds.alpha.forEach((a) => assertClose(a, 1 / 3, 1e-16));
  const pair = minNorm(
    gramOf([
      [1, 0],
      [1, 0],
      [0, 1],
    ]),
  );
  [0.25, 0.25, 0.5].forEach((a, i) => assertClose(f64(pair.alpha, i), a, 1e-15));
  const opposed = minNorm(
    gramOf([
      [1e-12, 0],
      [0, 1],
      [-1e12, 0],
    ]),
  );
  assertClose(f64(opposed.alpha, 0), 1, 1e-15);
  assertClose(f64(opposed.alpha, 2) / 1e-24, 1, 1e-12);
  assert.equal(opposed.certificate.squaredNorm, 0);
});

test('of parallel gradients the shortest is the nearest point', () => {
  const { alpha, certificate } = minNorm(
    gramOf([
      [3, 6],
      [1, 2],
      [1000, 2000],
    ]),
  );
  assert.deepEqual([...alpha], [0, 1, 0]);
  assertClose(certificate.squaredNorm, 5, 1e-14);
});

test('norms that differ a thousandfold do not stop the solver short', () => {
  // Three conflicting objectives whose lengths are 1, 31.6 and 1000; scaling a solution's weights back must give the optimum.
  const vectors = [
    [1, 0.2, -0.1],
    [-20, 24, 3],
    [100, -700, 700],
  ];
  assertClose(minNorm(gramOf(vectors)).certificate.squaredNorm, bruteForce(vectors), 1e-12);
});

test('scaling all gradients by one power of two changes no weight at all', () => {
  fc.assert(
    fc.property(gradientsOf({ min: 1, max: 12 }, 6), fc.integer({ min: -40, max: 40 }), (vectors, exponent) => {
      const scaled = vectors.map((vector) => vector.map((x) => x * 2 ** exponent));
      assert.deepEqual(minNorm(gramOf(scaled)).alpha, minNorm(gramOf(vectors)).alpha);
    }),
  );
});

test('the order of objectives does not matter: the point is the same', () => {
  fc.assert(
    fc.property(
      gradientsOf({ min: 2, max: 10 }, 1).chain((vectors) =>
        fc.tuple(fc.constant(vectors), fc.shuffledSubarray([...vectors.keys()], { minLength: vectors.length })),
      ),
      ([vectors, order]) => {
        const shuffled = order.map((i) => at(vectors, i));
        const [one, other] = [minNorm(gramOf(vectors)), minNorm(gramOf(shuffled))];
        const [a, b] = [sumOf(vectors, one.weights), sumOf(shuffled, other.weights)];
        const scale = vectors.reduce((sum, vector, i) => sum + f64(one.alpha, i) * norm(vector), 0);
        // If the hull nearly touches the origin, a residual of ε determines the point only up to √ε.
        a.forEach((x, k) => assertClose(x, at(b, k), 1e-6 * scale));
        assertClose(one.certificate.squaredNorm, other.certificate.squaredNorm, 1e-10 * scale * scale);
      },
    ),
  );
});

test('where the minimiser is unique, permuting the objectives permutes the weights', () => {
  const vectors = [
    [1, 0, 0, 0.2],
    [-0.3, 2, 0, 0.1],
    [0.4, -1, 3, 0.3],
    [5, 5, 5, 5],
  ];
  const alpha = minNorm(gramOf(vectors)).alpha;
  const order = [2, 0, 3, 1];
  const permuted = minNorm(gramOf(order.map((i) => at(vectors, i)))).alpha;
  order.forEach((i, k) => assertClose(f64(permuted, k), f64(alpha, i), 1e-14));
});

test('32 objectives around the origin are found stationary', () => {
  const around = Array.from({ length: 32 }, (_, i) => [Math.cos(i), Math.sin(i)]);
  const { alpha, certificate } = minNorm(gramOf(around));
  assert.ok(norm(sumOf(around, alpha)) < 1e-12);
  assert.ok(certificate.squaredNorm < 1e-14);
});

test('large float32 gradients, as training gives them', () => {
  const gradients = Array.from({ length: 8 }, (_, i) =>
    Float32Array.from({ length: 20_000 }, (_, k) => Math.sin(k * 1.7 + i) * 10 ** (i - 4) - 0.3 * Math.cos(k * i)),
  );
  const gram = gramMatrix(gradients, namesFor(8));
  const { alpha, certificate } = minNorm(gram);
  assert.ok(recomputedResidual(gram, alpha, certificate.squaredNorm) <= kktTolerance);
});

test('a matrix that no gradients can have, and a useless exponent, are refused', () => {
  const indefinite = gramFromMatrix([1, -0.9, -0.9, -0.9, 1, -0.9, -0.9, -0.9, 1], namesFor(3));
  assert.throws(() => minNorm(indefinite), /not positive semidefinite/);
  assert.throws(() => minNorm(gramOf([[1]]), -1), /p is -1/);
  assert.throws(() => minNorm(gramOf([[1]]), NaN), /p is NaN/);
  assert.throws(() => minNorm(gramOf([[1], [0]]), 1), /o1: a zero gradient cannot be rescaled/);
  assert.throws(() => minNorm(gramOf([[1e12]]), 400), /use a smaller p/);
});
