import assert from 'node:assert/strict';
import { test } from 'node:test';
import { at, f64, factor, required, substitute, symmetricEigen } from '@gapo/numeric';
import fc from 'fast-check';
import {
  assertClose,
  gradientsOf,
  gramOf,
  inner,
  norm,
  preferenceFor,
  relatedGradients,
  sumOf,
  termsOf,
} from '../gram/sampleGradients.fixture.js';
import { multiply, unitGradients } from '../gram/unitGradients.js';
import { combine, kktTolerance, type CombineOptions } from '../mod.js';
import { projectOntoCone } from '../solvers/coneProjection.js';

const several = gradientsOf({ min: 2, max: 6 }, 2, { min: 2, max: 20 });

/** The direction that a method projects. */
function unprojected(vectors: readonly (readonly number[])[], method: 'pgapo' | 'dualproj'): number[] {
  const preference = preferenceFor(vectors.length);
  return sumOf(
    vectors,
    preference.map((share, i) => (method === 'pgapo' ? share / norm(at(vectors, i)) : share)),
  );
}

const projecting = (method: 'pgapo' | 'dualproj', size: number): CombineOptions =>
  method === 'pgapo'
    ? { method, preference: preferenceFor(size), nonConflicting: true }
    : { method, preference: preferenceFor(size) };

test('a projection is the nearest direction that hurts no objective: no feasible one lies on its other side', () => {
  fc.assert(
    fc.property(several, fc.constantFrom('pgapo' as const, 'dualproj' as const), (vectors, method) => {
      const gram = gramOf(vectors);
      const start = unprojected(vectors, method);
      const { weights } = combine(gram, projecting(method, vectors.length));
      const d = sumOf(vectors, weights);
      const change = start.map((x, k) => x - at(d, k));
      const scale = termsOf(vectors, weights) * norm(start);
      // Feasible directions: MGDA's and UPGrad's, a longer d, and the smallest one, 0.
      const feasible = [
        sumOf(vectors, combine(gram, { method: 'gapo', p: 1 }).weights),
        sumOf(vectors, combine(gram, { method: 'upgrad' }).weights),
        d.map((x) => 2 * x),
        d.map(() => 0),
      ];
      for (const f of feasible) {
        const size = norm(f);
        const away = f.map((x, k) => x - at(d, k));
        assert.ok(inner(change, away) <= 1e-9 * scale * (1 + size / Math.max(norm(start), 1e-300)));
      }
    }),
    { numRuns: 200 },
  );
});

test('non-conflicting P-GAPO is P-GAPO where that hurts no objective', () => {
  fc.assert(
    fc.property(several, (vectors) => {
      const preference = preferenceFor(vectors.length);
      const plain = combine(gramOf(vectors), { method: 'pgapo', preference });
      const safe = combine(gramOf(vectors), { method: 'pgapo', preference, nonConflicting: true });
      const hurt = plain.progress.some((value, i) => value < -1e-13 * norm(at(vectors, i)));
      if (hurt) assert.ok(required(safe.certificate, 'the certificate').active.length > 0);
      else plain.weights.forEach((w, i) => assertClose(f64(safe.weights, i), w, 1e-11 * w));
      assert.deepEqual(safe.alpha, plain.alpha);
    }),
    { numRuns: 200 },
  );
});

test('two opposed objectives: P-GAPO follows the preferred one, its non-conflicting form stands still', () => {
  const gram = gramOf([
    [1, 0],
    [-5, 0],
  ]);
  const options = { method: 'pgapo', preference: [0.8, 0.2] } as const;
  assertClose(f64(combine(gram, options).progress, 0), 0.6, 1e-15);
  assert.deepEqual([...combine(gram, { ...options, nonConflicting: true }).progress], [0, 0]);
});

test('certificates of projections, recomputed from the weights alone', () => {
  const check = (vectors: number[][]): void => {
    const gram = gramOf(vectors);
    for (const method of ['pgapo', 'dualproj'] as const) {
      const { weights, progress, certificate } = combine(gram, projecting(method, vectors.length));
      const terms = termsOf(vectors, weights);
      const base = preferenceFor(vectors.length).map((x, i) => (method === 'pgapo' ? x / norm(at(vectors, i)) : x));
      for (let i = 0; i < vectors.length; i++) {
        const slack = f64(progress, i) / (norm(at(vectors, i)) * terms);
        assert.ok(f64(weights, i) >= at(base, i) * (1 - 1e-12));
        assert.ok(slack >= -kktTolerance);
        if (required(certificate, 'the certificate').active.includes(i)) assert.ok(Math.abs(slack) <= kktTolerance);
        else assertClose(f64(weights, i), at(base, i), 1e-12 * at(base, i));
      }
    }
  };
  fc.assert(fc.property(gradientsOf({ min: 1, max: 32 }, 12), check), { numRuns: 200 });
  fc.assert(fc.property(relatedGradients(16), check), { numRuns: 300 });
});

test('strong stationarity: where only some objectives conflict, projections make progress and MGDA does not', () => {
  fc.assert(
    fc.property(
      gradientsOf({ min: 2, max: 4 }, 1, { min: 3, max: 3 }),
      fc.integer({ min: 1, max: 9 }),
      (vectors, t) => {
        // The first two are opposed, the others all have a part along a new axis, so no positive combination vanishes.
        const first = at(vectors, 0);
        const lifted = [
          [...first, 0],
          [...first.map((x) => -t * x), 0],
          ...vectors.slice(1).map((vector) => [...vector, norm(vector)]),
        ];
        const gram = gramOf(lifted);
        assert.ok(norm(sumOf(lifted, combine(gram, { method: 'mgda' }).weights)) <= 1e-7 * norm(at(lifted, 0)));
        for (const options of [
          { method: 'upgrad' },
          { method: 'dualproj' },
          projecting('pgapo', lifted.length),
        ] as CombineOptions[]) {
          const { weights } = combine(gram, options);
          assert.ok(norm(sumOf(lifted, weights)) > 1e-4 * termsOf(lifted, weights), options.method);
        }
      },
    ),
  );
});

test('UPGrad is the preference’s mean of the projections of single gradients', () => {
  fc.assert(
    fc.property(several, (vectors) => {
      const gram = gramOf(vectors);
      const preference = preferenceFor(vectors.length);
      const total = new Float64Array(vectors.length);
      vectors.forEach((_, i) => {
        const alone = vectors.map((__, j) => (i === j ? 1 : 0));
        combine(gram, { method: 'dualproj', preference: alone }).weights.forEach(
          (w, j) => (total[j] = f64(total, j) + at(preference, i) * w),
        );
      });
      const { weights } = combine(gram, { method: 'upgrad', preference });
      const [a, b] = [sumOf(vectors, weights), sumOf(vectors, total)];
      a.forEach((x, k) => assertClose(x, at(b, k), 1e-9 * termsOf(vectors, weights)));
    }),
  );
});

test('CAGrad: d is on the ball, and its worst progress is the bound that the dual weights give', () => {
  fc.assert(
    fc.property(several, fc.constantFrom(0.1, 0.5, 0.9), (vectors, radius) => {
      const size = vectors.length;
      const { alpha, weights, progress, stationarity } = combine(gramOf(vectors), { method: 'cagrad', radius });
      if (stationarity < 1e-6) return;
      const mean = sumOf(vectors, new Float64Array(size).fill(1 / size));
      const d = sumOf(vectors, weights);
      const away = d.map((x, k) => x - at(mean, k));
      assertClose(norm(away), radius * norm(mean), 1e-7 * termsOf(vectors, weights));
      const point = sumOf(vectors, alpha);
      const bound = inner(point, mean) + radius * norm(mean) * norm(point);
      const worst = Math.min(...progress);
      assertClose(worst, bound, 1e-8 * termsOf(vectors, weights) * termsOf(vectors, alpha));
    }),
    { numRuns: 300 },
  );
});

test('CAGrad: radius 0 is the mean; where the policy is stationary it hurts no objective', () => {
  const gram = gramOf([
    [1, 0],
    [-1, 0],
    [0, 1],
  ]);
  const still = combine(gram, { method: 'cagrad', radius: 0.5 });
  assert.deepEqual(
    [...still.progress].map((x) => Math.round(x * 1e12) / 1e12),
    [0, 0, 0.333333333333],
  );
  assert.deepEqual([...combine(gram, { method: 'cagrad', radius: 0 }).weights], [1 / 3, 1 / 3, 1 / 3]);
  const cancelled = gramOf([
    [1, 0],
    [-1, 0],
  ]);
  assert.deepEqual([...combine(cancelled, { method: 'cagrad' }).weights], [0, 0]);
  assert.throws(() => combine(gram, { method: 'cagrad', radius: -1 }), /cagrad: radius is -1/);
});

/** Found by random search: an active set of almost parallel gradients has a minimiser of 1e4 to 1e5. */
const nearlyParallel = [
  [
    [-0.0011, -0.5527],
    [0.3281, 0.0001],
    [-0.0228, 0.5949],
    [-0.7869, -0.0003],
  ],
  [
    [0.9474, 0.1798, 0.5043],
    [-0.3376, 0.0944, 0.4087],
    [-0.5435, 0.1571, -0.0641],
    [0.7694, -0.4278, 0.2551],
    [0.2454, 0.6952, -0.5841],
  ],
];

test('the cone projection solves what enumeration of active sets solves', () => {
  fc.assert(
    fc.property(gradientsOf({ min: 1, max: 5 }, 0, { min: 1, max: 8 }), (vectors) => {
      const { cosines } = unitGradients(gramOf(vectors));
      const size = vectors.length;
      const linear = multiply(cosines, Float64Array.from(preferenceFor(size)));
      const solved = projectOntoCone(cosines, linear, 1);
      assert.ok(solved.residual <= 1e-12);
      const value = (y: Float64Array): number => inner(multiply(cosines, y), y) / 2 + inner(linear, y);
      const sizeOf = (y: Float64Array): number => y.reduce((sum, push) => sum + push, 0);
      let best = new Float64Array(size);
      for (let mask = 1; mask < 1 << size; mask++) {
        const members = [...vectors.keys()].filter((i) => mask & (1 << i));
        const n = members.length;
        const matrix = Float64Array.from(members.flatMap((i) => members.map((j) => f64(cosines, i * size + j))));
        const y = Float64Array.from(members, (i) => -f64(linear, i));
        if (!factor(matrix, n)) continue;
        substitute(matrix, n, y);
        if (y.some((x) => x < 0)) continue;
        const full = new Float64Array(size);
        members.forEach((i, k) => (full[i] = f64(y, k)));
        if (value(full) < value(best)) best = full;
      }
      // A cosine is known to one rounding error, so the quadratic form is known to ε(Σy)²: almost parallel gradients
      // have minimisers with Σy of 1e5.
      const rounding = 4 * Number.EPSILON * (1 + sizeOf(solved.pushes) + sizeOf(best)) ** 2;
      assertClose(value(solved.pushes), value(best), 1e-9 + rounding);
    }),
    { numRuns: 300, examples: nearlyParallel.map((vectors) => [vectors]) },
  );
});

test('eigenvalues and vectors rebuild the matrix; vectors are orthonormal, values descend', () => {
  fc.assert(
    fc.property(gradientsOf({ min: 1, max: 12 }, 1), (vectors) => {
      const { values: matrix } = gramOf(vectors);
      const n = vectors.length;
      const { values, vectors: v } = symmetricEigen(matrix, n);
      const largest = Math.max(f64(values, 0), 1e-300);
      for (let i = 0; i < n; i++) {
        if (i > 0) assert.ok(f64(values, i) <= f64(values, i - 1));
        for (let j = 0; j < n; j++) {
          let [rebuilt, product] = [0, 0];
          for (let k = 0; k < n; k++) {
            rebuilt += f64(values, k) * f64(v, k * n + i) * f64(v, k * n + j);
            product += f64(v, i * n + k) * f64(v, j * n + k);
          }
          assertClose(rebuilt, f64(matrix, i * n + j), 1e-12 * n * largest);
          assertClose(product, i === j ? 1 : 0, 1e-12 * n);
        }
      }
    }),
  );
});
