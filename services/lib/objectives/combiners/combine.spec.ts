import assert from 'node:assert/strict';
import { test } from 'node:test';
import { at, f64, required } from '@gapo/numeric';
import fc from 'fast-check';
import {
  assertClose,
  gradientsOf,
  gramOf,
  inner,
  norm,
  preferenceFor,
  sumOf,
} from '../gram/sampleGradients.fixture.js';
import { combine, stationarity, type CombineOptions } from '../mod.js';

/** Two to six objectives in more dimensions than that, norms within 1e-3 .. 1e3. */
const severalGradients = gradientsOf({ min: 2, max: 6 }, 3, { min: 8, max: 30 });

const exponent = fc.constantFrom(0, 0.5, 1, 1.5, 2);

test('theorem 3.1: MGDA progresses equally on the active set, by ‖d‖², and at least that elsewhere', () => {
  fc.assert(
    fc.property(severalGradients, (vectors) => {
      const { alpha, weights, progress } = combine(gramOf(vectors), { method: 'mgda' });
      const d = sumOf(vectors, weights);
      const squared = inner(d, d);
      const terms = vectors.reduce((sum, vector, i) => sum + f64(weights, i) * norm(vector), 0);
      vectors.forEach((vector, i) => {
        const rounding = 1e-12 * norm(vector) * terms;
        assertClose(f64(progress, i), inner(vector, d), rounding);
        if (f64(alpha, i) > 0) assertClose(f64(progress, i), squared, 1e-9 * squared + rounding);
        else assert.ok(f64(progress, i) >= squared * (1 - 1e-9) - rounding);
      });
    }),
    { numRuns: 300 },
  );
});

test('theorem 3.3: GAPO progresses in proportion to ‖g‖^p on the active set, to 1e-9, and no less elsewhere', () => {
  fc.assert(
    fc.property(severalGradients, exponent, (vectors, p) => {
      const { alpha, weights, progress, norms, certificate } = combine(gramOf(vectors), { method: 'gapo', p });
      const constant = required(certificate, 'the certificate').squaredNorm;
      const rescaled = (i: number): number => f64(norms, i) ** (1 - p);
      const terms = vectors.reduce((sum, _, i) => sum + f64(alpha, i) * rescaled(i), 0);
      vectors.forEach((_, i) => {
        assertClose(f64(weights, i), f64(alpha, i) / f64(norms, i) ** p, 1e-12 * f64(weights, i));
        const ratio = f64(progress, i) / f64(norms, i) ** p;
        const rounding = 1e-13 * rescaled(i) * terms;
        if (f64(alpha, i) > 0) assertClose(ratio, constant, 1e-9 * constant + rounding);
        else assert.ok(ratio >= constant * (1 - 1e-9) - rounding);
      });
    }),
    { numRuns: 300 },
  );
});

test('GAPO with p = 0 is MGDA, bit for bit', () => {
  fc.assert(
    fc.property(gradientsOf({ min: 1, max: 8 }, 12), (vectors) => {
      const gram = gramOf(vectors);
      assert.deepEqual(combine(gram, { method: 'gapo', p: 0 }), combine(gram, { method: 'mgda' }));
    }),
  );
});

test('GAPO equals MGDA on gradients that were rescaled beforehand', () => {
  fc.assert(
    fc.property(severalGradients, exponent, (vectors, p) => {
      const gram = gramOf(vectors);
      const rescaled = vectors.map((vector) => vector.map((x) => x / norm(vector) ** p));
      const [direct, indirect] = [
        sumOf(vectors, combine(gram, { method: 'gapo', p }).weights),
        sumOf(rescaled, combine(gramOf(rescaled), { method: 'mgda' }).weights),
      ];
      const scale = Math.min(...rescaled.map(norm));
      assert.ok(norm(direct.map((x, k) => x - at(indirect, k))) <= 1e-6 * scale);
    }),
  );
});

test('scaling all gradients by t scales the GAPO direction by t^(1-p), and P-GAPO not at all', () => {
  fc.assert(
    fc.property(severalGradients, exponent, fc.integer({ min: -20, max: 20 }), (vectors, p, power) => {
      const t = 2 ** power;
      const scaled = gramOf(vectors.map((vector) => vector.map((x) => x * t)));
      const [before, after] = [combine(gramOf(vectors), { method: 'gapo', p }), combine(scaled, { method: 'gapo', p })];
      // w scales by t^-p, as d = Σ w_i (t g_i).
      before.weights.forEach((w, i) => assertClose(f64(after.weights, i) * t ** p, w, 1e-9 * w + 1e-300));
      const preference = preferenceFor(vectors.length);
      const unscaled = combine(gramOf(vectors), { method: 'pgapo', preference }).weights;
      combine(scaled, { method: 'pgapo', preference }).weights.forEach((w, i) =>
        assertClose(w * t, f64(unscaled, i), 1e-12 * f64(unscaled, i)),
      );
    }),
  );
});

test('with p = 1 the length of a single objective’s gradient does not change its share', () => {
  fc.assert(
    fc.property(severalGradients, fc.integer({ min: -20, max: 20 }), (vectors, power) => {
      const longer = vectors.map((vector, i) => (i === 0 ? vector.map((x) => x * 2 ** power) : vector));
      const alphaOf = (v: number[][]): Float64Array => combine(gramOf(v), { method: 'gapo', p: 1 }).alpha;
      const after = alphaOf(longer);
      alphaOf(vectors).forEach((share, i) => assertClose(share, f64(after, i), 1e-7));
    }),
  );
});

test('P-GAPO is Σ λ_i g_i / ‖g_i‖', () => {
  fc.assert(
    fc.property(gradientsOf({ min: 1, max: 6 }, 12), (vectors) => {
      const preference = preferenceFor(vectors.length);
      const { alpha, weights, certificate } = combine(gramOf(vectors), { method: 'pgapo', preference });
      const d = sumOf(vectors, weights);
      const expected = sumOf(
        vectors.map((vector) => vector.map((x) => x / norm(vector))),
        preference,
      );
      d.forEach((x, k) => assertClose(x, at(expected, k), 1e-12));
      preference.forEach((share, i) => assertClose(f64(alpha, i), share, 1e-12));
      assert.equal(certificate, null);
    }),
  );
});

test('linear uses its weights as given, single is one gradient', () => {
  const gram = gramOf([
    [3, 4],
    [1, 0],
    [0, 2],
  ]);
  const linear = combine(gram, { method: 'linear', weights: [2, 0, 6] });
  assert.deepEqual([...linear.weights], [2, 0, 6]);
  assert.deepEqual([...linear.alpha], [0.25, 0, 0.75]);
  const single = combine(gram, { method: 'single', objective: 0 });
  assert.deepEqual([...single.weights], [1, 0, 0]);
  assert.deepEqual([...single.progress], [25, 3, 8]);
  assert.deepEqual([...single.norms], [5, 1, 2]);
});

test('single on a conflicting pair hurts the other one, MGDA hurts neither', () => {
  const gram = gramOf([
    [-4, 1, 1],
    [6, 1, 1],
  ]);
  assert.ok(f64(combine(gram, { method: 'single', objective: 0 }).progress, 1) < 0);
  combine(gram, { method: 'mgda' }).progress.forEach((progress) => assertClose(progress, 2, 1e-13));
});

test('stationarity is between 0 and 1, does not depend on lengths, and has the values of a known angle', () => {
  fc.assert(
    fc.property(gradientsOf({ min: 1, max: 8 }, 12), (vectors) => {
      const value = stationarity(gramOf(vectors));
      assert.ok(value >= 0 && value <= 1);
      const scaled = vectors.map((vector, i) => vector.map((x) => x * 2 ** (i - 3)));
      assertClose(stationarity(gramOf(scaled)), value, 1e-10);
    }),
  );
  assert.equal(
    stationarity(
      gramOf([
        [1, 0],
        [-5, 0],
      ]),
    ),
    0,
  );
  assert.equal(
    stationarity(
      gramOf([
        [1, 2],
        [1, 2],
      ]),
    ),
    1,
  );
  assertClose(
    stationarity(
      gramOf([
        [1, 0],
        [0, 100],
      ]),
    ),
    0.5,
    1e-15,
  );
  assert.equal(
    stationarity(
      gramOf([
        [1, 0],
        [0, 0],
      ]),
    ),
    0,
  );
});

test('zero gradients: MGDA stands still, GAPO and P-GAPO leave them out', () => {
  const gram = gramOf([
    [0, 0],
    [3, 4],
    [0, 0],
    [0, 2],
  ]);
  const mgda = combine(gram, { method: 'mgda' });
  assert.deepEqual([...mgda.progress], [0, 0, 0, 0]);
  assert.equal(mgda.certificate?.squaredNorm, 0);
  const gapo = combine(gram, { method: 'gapo', p: 1 });
  assert.deepEqual(gapo.leftOut, [0, 2]);
  assert.deepEqual(gapo.certificate?.active, [1, 3]);
  assert.deepEqual([gapo.weights[0], gapo.weights[2], gapo.progress[0]], [0, 0, 0]);
  assertClose(f64(gapo.progress, 1) / 5, f64(gapo.progress, 3) / 2, 1e-15);
  const pgapo = combine(gram, { method: 'pgapo', preference: [0.25, 0.25, 0.25, 0.25] });
  assert.deepEqual([...pgapo.weights], [0, 0.05, 0, 0.125]);
  assert.deepEqual(pgapo.leftOut, [0, 2]);
});

test('all gradients zero: weights 0 wherever a direction is needed', () => {
  const gram = gramOf([[0], [0]]);
  for (const options of [
    { method: 'gapo', p: 2 },
    { method: 'pgapo', preference: [0.5, 0.5] },
  ] as const) {
    const combined = combine(gram, options);
    assert.deepEqual([...combined.weights], [0, 0]);
    assert.deepEqual([...combined.alpha], [0.5, 0.5]);
    assert.deepEqual(combined.leftOut, [0, 1]);
  }
});

test('every method gives finite weights on norms from 1e-12 to 1e12', () => {
  const every = (size: number): CombineOptions[] => [
    { method: 'mgda' },
    { method: 'gapo', p: 1 },
    { method: 'gapo', p: 2 },
    { method: 'pgapo', preference: preferenceFor(size) },
    { method: 'linear', weights: preferenceFor(size) },
    { method: 'single', objective: size - 1 },
  ];
  fc.assert(
    fc.property(gradientsOf({ min: 1, max: 32 }, 12), (vectors) => {
      const gram = gramOf(vectors);
      for (const options of every(vectors.length)) {
        const { weights, alpha, progress } = combine(gram, options);
        assert.ok([...weights, ...alpha, ...progress].every(Number.isFinite));
        assertClose(
          alpha.reduce((sum, a) => sum + a, 0),
          1,
          1e-12,
        );
      }
    }),
  );
});

test('options that do not fit are refused with the name of what is wrong', () => {
  const gram = gramOf([
    [1, 0],
    [0, 1],
  ]);
  const refused = (options: unknown, message: RegExp): void =>
    assert.throws(() => combine(gram, options as CombineOptions), message);
  refused({ method: 'toString' }, /method is toString, expected one of mgda, gapo/);
  refused({ method: 'gapo', p: -1 }, /gapo: p is -1/);
  refused({ method: 'gapo', p: Infinity }, /gapo: p is Infinity/);
  refused({ method: 'pgapo', preference: [0.5] }, /preference: 1 numbers for 2 objectives \(o0, o1\)/);
  refused({ method: 'pgapo', preference: [0.5, 0.6] }, /sum to 1.1, expected 1/);
  refused({ method: 'pgapo', preference: [-0.5, 1.5] }, /number for o0 is -0.5/);
  refused({ method: 'linear', weights: [0, 0] }, /sum to 0/);
  refused({ method: 'linear', weights: [1, NaN] }, /number for o1 is NaN/);
  refused({ method: 'single', objective: 2 }, /objective is 2, expected an index: 0 \(o0\), 1 \(o1\)/);
});
