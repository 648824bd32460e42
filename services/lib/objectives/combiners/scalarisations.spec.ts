import assert from 'node:assert/strict';
import { test } from 'node:test';
import { at, f64 } from '@gapo/numeric';
import fc from 'fast-check';
import { assertClose, gramOf, namesFor } from '../gram/sampleGradients.fixture.js';
import { combine, updateMultiplier, type CombineOptions, type MultiplierState } from '../mod.js';

const gram = gramOf([
  [1, 0],
  [0, 2],
  [1, 1],
]);

const refused = (options: unknown, message: RegExp): void =>
  assert.throws(() => combine(gram, options as CombineOptions), message);

const number = (min: number, max: number): fc.Arbitrary<number> =>
  fc.integer({ min: min * 100, max: max * 100 }).map((n) => n / 100);

const numbers = (size: number, min: number, max: number): fc.Arbitrary<number[]> =>
  fc.array(number(min, max), { minLength: size, maxLength: size });

test('Tchebycheff: the objective furthest from its reference decides, equally far ones share', () => {
  const weightsOf = (values: number[], preference = [0.25, 0.25, 0.5]): number[] => [
    ...combine(gram, { method: 'tchebycheff', preference, values, reference: [1, 1, 1] }).weights,
  ];
  assert.deepEqual(weightsOf([0, 0.5, 0.9]), [0.25, 0, 0]);
  assert.deepEqual(weightsOf([0, 0, 0.9]), [0.125, 0.125, 0]);
  assert.deepEqual(weightsOf([0, 0.5, 0]), [0, 0, 0.5]);
  // An objective with preference 0 does not count, even if all others are beyond their reference.
  assert.deepEqual(weightsOf([2, 2, 3], [0.5, 0.5, 0]), [0.25, 0.25, 0]);
});

test('smooth Tchebycheff: α is the gradient of the smooth maximum, and becomes the maximum as μ falls', () => {
  fc.assert(
    fc.property(numbers(3, -2, 2), fc.constantFrom(0.05, 0.5, 5), (values, smoothing) => {
      const preference = [0.2, 0.3, 0.5];
      const reference = [1, 0.5, 0];
      const smoothMaximum = (shift: number, k: number): number => {
        const terms = values.map((v, i) => at(preference, i) * (at(reference, i) - (i === k ? v + shift : v)));
        const most = Math.max(...terms);
        return most + smoothing * Math.log(terms.reduce((sum, t) => sum + Math.exp((t - most) / smoothing), 0));
      };
      const options = { method: 'tchebycheff', preference, values, reference } as const;
      const { weights, alpha } = combine(gram, { ...options, smoothing });
      // Ascent on minus the smooth maximum: w_k = -∂/∂J_k.
      weights.forEach((w, k) => assertClose(w, (smoothMaximum(-1e-6, k) - smoothMaximum(1e-6, k)) / 2e-6, 1e-7));
      assertClose(
        alpha.reduce((sum, a) => sum + a, 0),
        1,
        1e-14,
      );
      const [hard, cold] = [combine(gram, options).alpha, combine(gram, { ...options, smoothing: 1e-9 }).alpha];
      const distances = values.map((v, i) => at(preference, i) * (at(reference, i) - v)).sort((a, b) => b - a);
      if (at(distances, 0) - at(distances, 1) > 1e-6) hard.forEach((a, i) => assertClose(f64(cold, i), a, 1e-12));
    }),
  );
  const options = { method: 'tchebycheff', preference: [0.5, 0.5, 0], values: [0, 0, 0], reference: [1, 1, 1] };
  refused({ ...options, smoothing: -1 }, /smoothing is -1/);
  refused({ ...options, values: [0, 0] }, /values: 2 numbers for 3 objectives/);
  refused({ ...options, reference: [0, NaN, 0] }, /reference: the number for o1 is NaN/);
});

test('PAMA: the least combination of the mean advantages, which is 0 where their signs differ', () => {
  fc.assert(
    fc.property(numbers(5, -3, 3), fc.constantFrom('noon', 'any'), (raw, kind) => {
      const advantages = kind === 'noon' ? raw.map((a) => Math.max(0, a)) : raw;
      const many = gramOf(namesFor(5).map((_, i) => [1, i]));
      const { alpha, weights } = combine(many, { method: 'pama', advantages });
      const value = alpha.reduce((sum, c, i) => sum + c * at(advantages, i), 0);
      const [low, high] = [Math.min(...advantages), Math.max(...advantages)];
      const least = low > 0 ? low : high < 0 ? high : 0;
      assertClose(value, least, 1e-12);
      assertClose(
        alpha.reduce((sum, c) => sum + c, 0),
        1,
        1e-12,
      );
      assert.ok(alpha.every((c) => c >= 0));
      assert.deepEqual(alpha, weights);
    }),
  );
  const shares = (advantages: number[]): number[] => [...combine(gram, { method: 'pama', advantages }).alpha];
  assert.deepEqual(shares([0.3, 0.1, 0.1]), [0, 0.5, 0.5]);
  assert.deepEqual(shares([0, 0, 0]), [1 / 3, 1 / 3, 1 / 3]);
  assert.deepEqual(shares([-1, 0, 3]), [0.75, 0, 0.25]);
  refused({ method: 'pama', advantages: [0, Infinity, 0] }, /advantages: the number for o1 is Infinity/);
});

test('lagrangian: (g_r + Σ λ_i g_i) / (1 + Σ λ_i)', () => {
  const { weights } = combine(gram, { method: 'lagrangian', objective: 1, multipliers: [0.5, 0, 2.5] });
  assert.deepEqual([...weights], [0.125, 0.25, 0.625]);
  refused({ method: 'lagrangian', objective: 3, multipliers: [0, 0, 0] }, /objective is 3, expected an index/);
  refused({ method: 'lagrangian', objective: 1, multipliers: [0, 1, 0] }, /number for o1 is 1; it is the objective/);
  refused({ method: 'lagrangian', objective: 1, multipliers: [-1, 0, 0] }, /number for o0 is -1/);
  refused({ method: 'lagrangian', objective: 1, multipliers: [1, 0] }, /multipliers: 2 numbers for 3/);
});

test('a multiplier grows by lr·λ·(cost - limit) in its logarithm while the constraint is broken, and shrinks while it holds', () => {
  fc.assert(
    fc.property(number(-5, 5), number(1, 3), (cost, multiplier) => {
      const state: MultiplierState = { multiplier, limit: 0.5, learningRate: 0.1 };
      const next = updateMultiplier(state, cost);
      assertClose(Math.log(next.multiplier), Math.log(multiplier) + 0.1 * multiplier * (cost - 0.5), 1e-12);
      assert.equal(Math.sign(next.multiplier - multiplier), Math.sign(cost - 0.5));
      assert.deepEqual(JSON.parse(JSON.stringify(next)), next); // plain data
    }),
  );
  const state = { multiplier: 4, limit: 0, learningRate: 1 };
  assert.equal(updateMultiplier({ ...state, maximum: 5 }, 1).multiplier, 5);
  assert.throws(() => updateMultiplier(state, 1e6), /lower the learning rate or set a maximum/);
  assert.throws(() => updateMultiplier(state, -1e6), /leads to 0/);
  assert.throws(() => updateMultiplier(state, NaN), /mean episode cost is NaN/);
  assert.throws(() => updateMultiplier({ ...state, multiplier: 0 }, 1), /multiplier is 0/);
  assert.throws(() => updateMultiplier({ ...state, learningRate: -1 }, 1), /learning rate is -1/);
  assert.throws(() => updateMultiplier({ ...state, maximum: 0 }, 1), /maximum is 0/);
});
