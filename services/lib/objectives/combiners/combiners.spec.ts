import assert from 'node:assert/strict';
import { test } from 'node:test';
import { at, f64, required } from '@gapo/numeric';
import fc from 'fast-check';
import {
  assertClose,
  gradientsOf,
  gramOf,
  norm,
  preferenceFor,
  relatedGradients,
  sumOf,
  termsOf,
} from '../gram/sampleGradients.fixture.js';
import { combine, kktTolerance, methods, type CombineOptions } from '../mod.js';

/** One use of every method for K objectives, by its name in tests. */
const uses = (size: number): Record<string, CombineOptions> => ({
  mgda: { method: 'mgda' },
  'gapo p=1': { method: 'gapo', p: 1 },
  'gapo p=2': { method: 'gapo', p: 2 },
  pgapo: { method: 'pgapo', preference: preferenceFor(size) },
  'pgapo non-conflicting': { method: 'pgapo', preference: preferenceFor(size), nonConflicting: true },
  linear: { method: 'linear', weights: preferenceFor(size) },
  morlhf: { method: 'morlhf', weights: preferenceFor(size) },
  gdpo: { method: 'gdpo', weights: preferenceFor(size) },
  single: { method: 'single', objective: size - 1 },
  lagrangian: { method: 'lagrangian', objective: 0, multipliers: preferenceFor(size).map((x, i) => (i === 0 ? 0 : x)) },
  tchebycheff: {
    method: 'tchebycheff',
    preference: preferenceFor(size),
    values: preferenceFor(size).map((x) => -3 * x),
    reference: preferenceFor(size).map(() => 0.1),
    smoothing: 0.2,
  },
  pcgrad: { method: 'pcgrad', order: size <= 6 ? 'all' : { seed: 7, step: 3 } },
  gradvac: { method: 'gradvac', order: { seed: 7, step: 3 } },
  cagrad: { method: 'cagrad' },
  raco: { method: 'raco', preference: preferenceFor(size) },
  'imtl-g': { method: 'imtl-g' },
  'nash-mtl': { method: 'nash-mtl' },
  fairgrad: { method: 'fairgrad', fairness: 2 },
  'aligned-mtl': { method: 'aligned-mtl', preference: preferenceFor(size) },
  upgrad: { method: 'upgrad', preference: preferenceFor(size) },
  dualproj: { method: 'dualproj', preference: preferenceFor(size) },
  pama: { method: 'pama', advantages: preferenceFor(size) },
  'mgda-decoupled': { method: 'mgda-decoupled', losses: preferenceFor(size).map((x) => x + 0.1) },
});

const optionsFor = (size: number, name: string): CombineOptions => required(uses(size)[name], name);

const several = gradientsOf({ min: 2, max: 5 }, 2, { min: 8, max: 20 });

/** Entries of the preferences and values of a use, in another order of the objectives. */
function reordered(options: CombineOptions, order: readonly number[]): CombineOptions {
  const moved = Object.entries(options).map(([key, value]: [string, unknown]) => {
    if (key === 'objective') return [key, order.indexOf(value as number)];
    return [key, Array.isArray(value) ? order.map((i) => (value as unknown[])[i]) : value];
  });
  return Object.fromEntries(moved) as CombineOptions;
}

test('every method is tested here', () => {
  assert.deepEqual(new Set(methods), new Set(Object.values(uses(3)).map(({ method }) => method)));
});

test('golden values on the Jacobian [[-4, 1, 1], [6, 1, 1]]', () => {
  // The values are those that TorchJD's tests hold for this matrix, to the four digits given there
  // (github.com/TorchJD/torchjd, tests/unit/aggregation/test_values.py). Its DualProj and UPGrad regularise the Gram
  // matrix by 1e-4, and its Nash-MTL cuts the result to length 1.
  const vectors = [
    [-4, 1, 1],
    [6, 1, 1],
  ];
  const gram = gramOf(vectors);
  const golden: readonly (readonly [CombineOptions, readonly number[], number])[] = [
    [{ method: 'mgda' }, [0.6, 0.4], 1e-15],
    [{ method: 'aligned-mtl' }, [0.5591, 0.4083], 1e-4],
    [{ method: 'dualproj' }, [0.6109, 0.5], 3e-4],
    [{ method: 'imtl-g' }, [0.5923, 0.4077], 1e-4],
    [{ method: 'pcgrad', order: 'all' }, [2.2222, 1.5789], 1e-4],
    [{ method: 'upgrad' }, [1.1109, 0.7894], 3e-4],
    [{ method: 'cagrad', radius: 0.5 }, [0.7041, 0.5], 1e-4],
  ];
  for (const [options, expected, tolerance] of golden) {
    const { weights } = combine(gram, options);
    expected.forEach((w, i) => assertClose(f64(weights, i), w, tolerance, options.method));
  }
  const nash = sumOf(vectors, combine(gram, { method: 'nash-mtl' }).weights);
  const unit = nash.map((x) => x / norm(nash));
  [0.0542, 0.7061, 0.7061].forEach((x, k) => assertClose(at(unit, k), x, 1e-4));
});

test('exact values on the same Jacobian', () => {
  const gram = gramOf([
    [-4, 1, 1],
    [6, 1, 1],
  ]);
  const weightsOf = (options: CombineOptions): Float64Array => combine(gram, options).weights;
  const close = (actual: Float64Array, expected: readonly number[]): void =>
    expected.forEach((w, i) => assertClose(f64(actual, i), w, 1e-14));
  // ⟨g_0, g_1⟩ = -22, squared norms 18 and 38: 22 / ‖·‖² of the other is added to each gradient.
  close(weightsOf({ method: 'pcgrad', order: 'all' }), [1 + 22 / 18, 1 + 22 / 38]);
  close(weightsOf({ method: 'upgrad' }), [(1 + 22 / 18) / 2, (1 + 22 / 38) / 2]);
  // The mean has inner products -2 and 8: only the first objective is hurt, by 2 / 18.
  close(weightsOf({ method: 'dualproj' }), [0.5 + 2 / 18, 0.5]);
  // 18a² = 38b² and 18a² - 22ab = 1.
  const a = Math.sqrt(1 / (18 - 22 * Math.sqrt(18 / 38)));
  close(weightsOf({ method: 'nash-mtl' }), [a, a * Math.sqrt(18 / 38)]);
  // Equal projections: weights in inverse proportion to the norms.
  const [p, q] = [1 / Math.sqrt(18), 1 / Math.sqrt(38)];
  close(weightsOf({ method: 'imtl-g' }), [p / (p + q), q / (p + q)]);
});

test('K = 1: every method goes along the gradient', () => {
  const gram = gramOf([[3, -4]]);
  for (const [name, options] of Object.entries(uses(1))) {
    const { weights, progress } = combine(gram, options);
    assert.ok(f64(weights, 0) > 0 && f64(progress, 0) > 0, name);
  }
});

test('norms from 1e-12 to 1e12 and K = 1 … 32: finite weights, α sums to 1, certificates hold', () => {
  const check = (vectors: number[][]): void => {
    const gram = gramOf(vectors);
    for (const [name, options] of Object.entries(uses(vectors.length))) {
      const { weights, alpha, progress, certificate } = combine(gram, options);
      assert.ok([...weights, ...alpha, ...progress].every(Number.isFinite), name);
      const magnitude = alpha.reduce((sum, a) => sum + Math.abs(a), 0);
      assertClose(
        alpha.reduce((sum, a) => sum + a, 0),
        1,
        1e-12 * magnitude,
        name,
      );
      if (options.method !== 'imtl-g') assert.ok(Math.min(...alpha) >= 0, name);
      if (certificate) assert.ok(certificate.relativeResidual <= kktTolerance, name);
    }
  };
  fc.assert(fc.property(gradientsOf({ min: 1, max: 32 }, 12), check), { numRuns: 150 });
  fc.assert(fc.property(relatedGradients(10), check), { numRuns: 200 });
});

test('zero gradients: defined, and never given a weight where their direction is needed', () => {
  const vectors = [
    [0, 0, 0],
    [3, 4, 0],
    [0, 0, 0],
    [-1, 2, 2],
  ];
  const needed = ['pgapo', 'pcgrad', 'cagrad', 'imtl-g', 'nash-mtl', 'aligned-mtl', 'upgrad', 'dualproj'];
  for (const zeros of [vectors, vectors.map((vector) => vector.map(() => 0))]) {
    for (const [name, options] of Object.entries(uses(4))) {
      const { weights, leftOut } = combine(gramOf(zeros), options);
      assert.ok(weights.every(Number.isFinite), name);
      if (!needed.includes(options.method)) continue;
      assert.deepEqual(leftOut, zeros === vectors ? [0, 2] : [0, 1, 2, 3], name);
      for (const i of leftOut) assert.equal(weights[i], 0, name);
    }
  }
});

test('the order in which objectives are listed does not matter', () => {
  const shuffled = several.chain((vectors) =>
    fc.tuple(fc.constant(vectors), fc.shuffledSubarray([...vectors.keys()], { minLength: vectors.length })),
  );
  fc.assert(
    fc.property(shuffled, ([vectors, order]) => {
      const permuted = order.map((i) => at(vectors, i));
      for (const [name, options] of Object.entries(uses(vectors.length))) {
        const one = combine(gramOf(vectors), options);
        const other = combine(gramOf(permuted), reordered(options, order));
        const [a, b] = [sumOf(vectors, one.weights), sumOf(permuted, other.weights)];
        const scale = termsOf(vectors, one.weights);
        if (options.method === 'gradvac' && vectors.length > 2) continue; // its order is drawn by position
        if (options.method === 'imtl-g' && one.alpha.some((share) => Math.abs(share) > 100)) continue; // nearly undefined
        a.forEach((x, k) => assertClose(x, at(b, k), 1e-6 * scale, name));
      }
    }),
    { numRuns: 150 },
  );
});

test('PCGrad in a drawn order: the same for the same seed and step, others otherwise; their mean is that of all orders', () => {
  const gram = gramOf([
    [1, 0.1, 0],
    [-0.9, 1, 0.2],
    [0.1, -0.8, 1],
    [0.3, -0.2, -1],
  ]);
  const at = (seed: number, step: number): Float64Array =>
    combine(gram, { method: 'pcgrad', order: { seed, step } }).weights;
  assert.deepEqual(at(1, 5), at(1, 5));
  assert.notDeepEqual(at(1, 5), at(1, 6));
  assert.notDeepEqual(at(1, 5), at(2, 5));
  const mean = new Float64Array(4);
  const draws = 4000;
  for (let step = 0; step < draws; step++) at(3, step).forEach((w, i) => (mean[i] = f64(mean, i) + w / draws));
  const exact = combine(gram, { method: 'pcgrad', order: 'all' }).weights;
  exact.forEach((w, i) => assertClose(f64(mean, i), w, 0.02));
});

/** Powers e of "all gradients times t scale the direction by t^e", by name of the use. */
const degree: Readonly<Record<string, number>> = {
  fairgrad: -1 / 3,
  'gapo p=1': 0,
  'gapo p=2': -1,
  pgapo: 0,
  'pgapo non-conflicting': 0,
  'nash-mtl': 0,
};

test('scaling all gradients by t: by t for most, not at all for methods on unit gradients, by t^(1-p) for GAPO', () => {
  fc.assert(
    fc.property(several, fc.integer({ min: -20, max: 20 }), (vectors, power) => {
      const t = 2 ** power;
      const scaled = gramOf(vectors.map((vector) => vector.map((x) => x * t)));
      for (const [name, options] of Object.entries(uses(vectors.length))) {
        const before = combine(gramOf(vectors), options).weights;
        const after = combine(scaled, options).weights;
        const factor = t ** ((degree[name] ?? 1) - 1);
        const largest = before.reduce((most, w) => Math.max(most, Math.abs(w)), 0);
        before.forEach((w, i) => assertClose(f64(after, i) / factor, w, 1e-9 * largest + 1e-300, name));
      }
    }),
    { numRuns: 100 },
  );
});

test('the length of one gradient does not matter to GAPO p=1, P-GAPO (both kinds), Nash-MTL, nor to where IMTL-G points', () => {
  fc.assert(
    fc.property(several, fc.integer({ min: -20, max: 20 }), (vectors, power) => {
      const longer = vectors.map((vector, i) => (i === 0 ? vector.map((x) => x * 2 ** power) : vector));
      for (const name of ['gapo p=1', 'pgapo', 'pgapo non-conflicting', 'nash-mtl', 'imtl-g']) {
        const options = optionsFor(vectors.length, name);
        const [one, other] = [combine(gramOf(vectors), options), combine(gramOf(longer), options)];
        let [a, b] = [sumOf(vectors, one.weights), sumOf(longer, other.weights)];
        let scale = termsOf(vectors, one.weights);
        if (name === 'imtl-g') {
          // Compares only the line: Σα determines length and sign.
          if (norm(a) < 1e-3 * scale) continue;
          const sign = a.reduce((sum, x, k) => sum + x * at(b, k), 0) < 0 ? -1 : 1;
          [a, b] = [a.map((x) => x / norm(a)), b.map((x) => (sign * x) / norm(b))];
          scale = 1;
        }
        a.forEach((x, k) => assertClose(x, at(b, k), 1e-6 * scale, name));
      }
    }),
    { numRuns: 100 },
  );
});

test('linear under scaling: PCGrad, UPGrad and all methods whose weights ignore the gradients', () => {
  const lengths = fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 5, maxLength: 5 });
  fc.assert(
    fc.property(several, lengths, lengths, (vectors, one, other) => {
      const times = (factors: readonly number[]): number[][] =>
        vectors.map((vector, i) => vector.map((x) => x * at(factors, i)));
      for (const name of ['linear', 'single', 'lagrangian', 'tchebycheff', 'pama', 'pcgrad', 'upgrad']) {
        const options = optionsFor(vectors.length, name);
        const scaledBy = (factors: readonly number[]): number[] =>
          sumOf(times(factors), combine(gramOf(times(factors)), options).weights);
        const both = one.map((x, i) => x + at(other, i));
        const [a, b, c] = [scaledBy(one), scaledBy(other), scaledBy(both)];
        const scale = termsOf(times(both), combine(gramOf(times(both)), options).weights);
        c.forEach((x, k) => assertClose(x, at(a, k) + at(b, k), 1e-9 * scale, name));
      }
    }),
    { numRuns: 100 },
  );
});

test('no objective is hurt by MGDA, GAPO, non-conflicting P-GAPO, Nash-MTL, UPGrad, DualProj; nor by PCGrad for K = 2', () => {
  const unhurt = ['mgda', 'gapo p=1', 'gapo p=2', 'pgapo non-conflicting', 'nash-mtl', 'upgrad', 'dualproj'];
  const check = (vectors: number[][]): void => {
    const gram = gramOf(vectors);
    const names = vectors.length === 2 ? [...unhurt, 'pcgrad'] : unhurt;
    for (const name of names) {
      const { progress, weights } = combine(gram, optionsFor(vectors.length, name));
      const terms = termsOf(vectors, weights);
      progress.forEach((value, i) => assert.ok(value >= -1e-10 * norm(at(vectors, i)) * terms, `${name} ${value}`));
    }
  };
  fc.assert(fc.property(gradientsOf({ min: 1, max: 32 }, 12), check), { numRuns: 150 });
  fc.assert(fc.property(gradientsOf({ min: 2, max: 2 }, 3), check), { numRuns: 100 });
});

test('Nash-MTL: weight times progress is 1 for all, and ‖d‖² = K', () => {
  fc.assert(
    fc.property(several, (vectors) => {
      const { weights, progress, certificate } = combine(gramOf(vectors), { method: 'nash-mtl' });
      if (certificate?.squaredNorm === 0) return; // stationary: the point of disagreement
      const d = sumOf(vectors, weights);
      const terms = termsOf(vectors, weights);
      progress.forEach((value, i) =>
        assertClose(f64(weights, i) * value, 1, 1e-10 * f64(weights, i) * norm(at(vectors, i)) * terms),
      );
      assertClose(norm(d) ** 2, vectors.length, 1e-9 * terms * terms);
    }),
  );
  const opposed = combine(gramOf([[1, 0], [-3, 0]]), { method: 'nash-mtl' }); // prettier-ignore
  assert.deepEqual([...opposed.weights], [0, 0]);
});

test('IMTL-G: projections onto all unit gradients are equal, weights sum to 1', () => {
  fc.assert(
    fc.property(several, (vectors) => {
      const { weights, alpha, stationarity } = combine(gramOf(vectors), { method: 'imtl-g' });
      if (stationarity < 1e-6) return; // dependent gradients: only as equal as least squares makes them
      const d = sumOf(vectors, weights);
      const projections = vectors.map((vector) => vector.reduce((sum, x, k) => sum + x * at(d, k), 0) / norm(vector));
      const terms = termsOf(vectors, weights);
      projections.forEach((value) => assertClose(value, at(projections, 0), 1e-9 * terms));
      assert.deepEqual(alpha, weights);
    }),
  );
  // Antiparallel gradients of unequal length have no such direction but 0; equal and opposed parts of Σα are refused.
  assert.deepEqual([...combine(gramOf([[1, 0], [-3, 0]]), { method: 'imtl-g' }).progress], [0, 0]); // prettier-ignore
});

test('Aligned-MTL: all singular values of the aligned gradients equal the smallest of the given ones', () => {
  fc.assert(
    fc.property(several, (vectors) => {
      const size = vectors.length;
      const gram = gramOf(vectors);
      // Row i of the aligned gradients is d for the preference e_i; blend with the uniform one to stay on the simplex.
      const directionFor = (preference: readonly number[]): number[] =>
        sumOf(vectors, combine(gram, { method: 'aligned-mtl', preference }).weights);
      const rows = vectors.map((_, i) => directionFor(vectors.map((__, j) => (i === j ? 1 : 0))));
      const longest = Math.max(...vectors.map(norm));
      const mixed = directionFor(preferenceFor(size));
      const shares = preferenceFor(size);
      mixed.forEach((x, k) =>
        assertClose(
          x,
          rows.reduce((sum, row, i) => sum + at(shares, i) * at(row, k), 0),
          1e-6 * longest,
        ),
      );
      const lengths = rows.map(norm);
      const products = rows.flatMap((a, i) =>
        rows.slice(i + 1).map((b) => Math.abs(a.reduce((s, x, k) => s + x * at(b, k), 0))),
      );
      // Full rank: orthogonal rows of one length.
      if (Math.min(...lengths) > 1e-3 * Math.max(...lengths) && Math.max(...products) < 1e-3 * at(lengths, 0) ** 2) {
        lengths.forEach((length) => assertClose(length, at(lengths, 0), 1e-3 * at(lengths, 0)));
      }
    }),
    { numRuns: 60 },
  );
  const aligned = combine(gramOf([[10, 0], [0, 0.1]]), { method: 'aligned-mtl' }); // prettier-ignore
  assertClose(f64(aligned.weights, 0) * 10, 0.05, 1e-12);
  assertClose(f64(aligned.weights, 1) * 0.1, 0.05, 1e-12);
});
