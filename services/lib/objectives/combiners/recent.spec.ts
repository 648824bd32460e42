// RACO, MGDA-Decoupled, FairGrad and Gradient Vaccine against independent computations of the problems that define them.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { at, f64 } from '@gapo/numeric';
import fc from 'fast-check';
import { progressOf } from '../gram/gram.js';
import { assertClose, gradientsOf, gramOf, norm, preferenceFor, sumOf } from '../gram/sampleGradients.fixture.js';
import { combine, kktTolerance, updateCertificate, type CombineOptions } from '../mod.js';

const two = [
  [-4, 1, 1],
  [6, 1, 1],
];
const three = [
  [1, 0, 2, -1],
  [-1, 3, 0, 1],
  [0.5, -2, 1, 4],
];

const several = gradientsOf({ min: 2, max: 5 }, 2, { min: 8, max: 20 });

function assertWeights(
  vectors: readonly (readonly number[])[],
  options: CombineOptions,
  expected: readonly number[],
): void {
  const { weights } = combine(gramOf(vectors), options);
  expected.forEach((w, i) => assertClose(f64(weights, i), w, 1e-8, `${options.method} weight ${i}`));
}

test('RACO: golden values of the dual problem by CVXPY, and by a root of its derivative', () => {
  const cases: readonly (readonly [number[][], number[], number, number[]])[] = [
    [two, [0.5, 0.5], 0.4, [0.663299316186, 0.5]],
    [two, [0.7, 0.3], 0.4, [0.7, 0.41239029739]],
    [three, [0.2, 0.3, 0.5], 0.5, [0.4738614853014, 0.6343016790328, 0.5]],
  ];
  for (const [vectors, preference, radius, expected] of cases) {
    assertWeights(vectors, { method: 'raco', preference, radius }, expected);
  }
});

test('RACO: the correction has the length c‖g₀‖, and no objective a larger share of it than its preference allows', () => {
  fc.assert(
    fc.property(several, fc.constantFrom(0, 0.4, 0.9), (vectors, radius) => {
      const preference = preferenceFor(vectors.length);
      const { weights, alpha } = combine(gramOf(vectors), { method: 'raco', preference, radius });
      const start = sumOf(vectors, preference);
      const clipped = alpha.map((p, i) => Math.min(p, at(preference, i)));
      const added = Array.from(weights, (w, i) => w - at(preference, i));
      const length = norm(sumOf(vectors, added));
      if (norm(sumOf(vectors, clipped)) < 1e-5 || norm(start) < 1e-5) return;
      assertClose(length, radius * norm(start), 1e-7 * (1 + norm(start)));
      const factor = added.reduce((sum, x) => sum + x, 0) / clipped.reduce((sum, x) => sum + x, 0);
      added.forEach((x, i) => assertClose(x, factor * f64(clipped, i), 1e-8 * (1 + factor)));
    }),
  );
});

test('MGDA-Decoupled: golden values by CVXPY, MGDA where losses are equal, unchanged by their common scale', () => {
  assertWeights(two, { method: 'mgda-decoupled', losses: [1, 2] }, [0.414141414141, 0.585858585859]);
  assertWeights(
    three,
    { method: 'mgda-decoupled', losses: [0.7, 0.2, 1.1] },
    [0.547915351243, 0.062916267796, 0.38916838096],
  );
  assertWeights(
    three,
    { method: 'mgda-decoupled', losses: [0.1, 0.6, 0.3] },
    [0.085942805403, 0.771221610201, 0.142835584396],
  );
  fc.assert(
    fc.property(several, fc.integer({ min: -10, max: 10 }), (vectors, power) => {
      const gram = gramOf(vectors);
      const losses = preferenceFor(vectors.length).map((x) => x + 0.1);
      const [one, scaled] = [losses, losses.map((loss) => loss * 2 ** power)].map((given) =>
        combine(gram, { method: 'mgda-decoupled', losses: given }),
      );
      one?.weights.forEach((w, i) => assertClose(w, f64(scaled?.weights ?? new Float64Array(), i), 1e-9));
      const mgda = combine(gram, { method: 'mgda' }).weights;
      const equal = combine(gram, { method: 'mgda-decoupled', losses: losses.map(() => 3) }).weights;
      mgda.forEach((w, i) => assertClose(f64(equal, i), w, 1e-9));
    }),
    { numRuns: 50 },
  );
  assert.throws(
    () => combine(gramOf(two), { method: 'mgda-decoupled', losses: [1, 0] }),
    /losses: the number for .* is 0, expected a number above 0/,
  );
});

test('FairGrad: golden values by SciPy and TorchJD', () => {
  const cases: readonly (readonly [number[][], number, number[]])[] = [
    [two, 0.5, [0.742828251749, 0.525392608703]],
    [two, 1, [0.591461152229, 0.407071482884]],
    [two, 2, [0.471362922324, 0.319454228185]],
    [two, 5, [0.375941595152, 0.25231046054]],
    [three, 0.5, [0.660163799963, 0.532205000761, 0.401351836123]],
    [three, 1, [0.517081893596, 0.387892882278, 0.261850638443]],
    [three, 2, [0.401175370664, 0.283350220442, 0.17435391748]],
    [three, 5, [0.309542228497, 0.20767589067, 0.118389645843]],
    [three, 0, [1 / 3, 1 / 3, 1 / 3]],
  ];
  for (const [vectors, fairness, expected] of cases) assertWeights(vectors, { method: 'fairgrad', fairness }, expected);
});

test('FairGrad: progress is weight^(-1/α), whatever the lengths; α = 1 is Nash-MTL; it hurts no objective', () => {
  fc.assert(
    fc.property(
      several,
      fc.constantFrom(0.5, 1, 2, 10),
      fc.integer({ min: -12, max: 12 }),
      (vectors, fairness, power) => {
        const longer = vectors.map((vector, i) => (i === 0 ? vector.map((x) => x * 2 ** power) : vector));
        const gram = gramOf(longer);
        const { weights, certificate, norms } = combine(gram, { method: 'fairgrad', fairness });
        assert.ok((certificate?.relativeResidual ?? 1) <= kktTolerance);
        if (weights.every((w) => w === 0)) return; // Pareto stationary
        const terms = weights.reduce((sum, w, i) => sum + w * f64(norms, i), 0);
        progressOf(gram, weights).forEach((progress, i) =>
          assertClose(progress, f64(weights, i) ** (-1 / fairness), 1e-9 * f64(norms, i) * terms),
        );
        assert.ok(updateCertificate(gram, weights).objectives.every(({ effect }) => effect !== 'hurt'));
        if (fairness !== 1) return;
        const nash = combine(gram, { method: 'nash-mtl' }).weights;
        nash.forEach((w, i) => assertClose(f64(weights, i), w, 1e-6 * w));
      },
    ),
    { numRuns: 100 },
  );
  assert.deepEqual([...combine(gramOf([[1], [-1]]), { method: 'fairgrad' }).weights], [0, 0]);
});

test('Gradient Vaccine: golden values by TorchJD over three updates, given the same orders', () => {
  const follow = (updates: readonly number[][][], expected: readonly number[][]): void => {
    let targets: readonly number[] | undefined;
    updates.forEach((vectors, i) => {
      const options = { method: 'gradvac', order: { seed: 7, step: i + 1 }, ...(targets && { targets }) } as const;
      const { weights, memory } = combine(gramOf(vectors), options);
      at(expected, i).forEach((w, k) => assertClose(f64(weights, k), w, 1e-9, `update ${i + 1}, weight ${k}`));
      targets = memory?.['targets'];
    });
  };
  const [first, second] = two;
  const half = (second ?? []).map((x) => x / 2);
  follow(
    [
      two,
      [first ?? [], half],
      [
        [1, 2, 0],
        [2, -1, 1],
      ],
    ],
    [
      [2.222222222222, 1.578947368421],
      [1.428993902614, 1.812830552321],
      [1, 1],
    ],
  );
  follow(
    [three, [...three].reverse(), three.map((row) => row.map((x) => x + 1))],
    [
      [1.688502673797, 1.409090909091, 1.209625668449],
      [1.044576252444, 1.202452062146, 1.314134385999],
      [1, 1, 1],
    ],
  );
});

test('Gradient Vaccine: two conflicting gradients meet their target exactly', () => {
  const gram = gramOf(two);
  const target = 0.3;
  const { weights } = combine(gram, {
    method: 'gradvac',
    targets: [0, target, -1, 0],
    order: { seed: 1, step: 1 },
  });
  // The second gradient has nothing to gain, so the first one's part is what exceeds (0, 1).
  const turned = sumOf(two, [f64(weights, 0), f64(weights, 1) - 1]);
  const other = at(two, 1);
  const inner = turned.reduce((sum, x, k) => sum + x * at(other, k), 0);
  assertClose(inner / norm(turned) / norm(other), target, 1e-12);
});
