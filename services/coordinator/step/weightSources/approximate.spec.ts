// Approximate sources: weighted advantages, angles, and the scale of the exact gradients.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { at } from '@gapo/numeric';
import { combine, gramMatrix, methods, weightedSum, type CombineOptions } from '@gapo/objectives';
import { weightedAdvantages } from '../updates/lossInputs.js';
import { angleBetween, rescaled } from './approximate.js';

const gradients = [Float32Array.from([3, 1, 0]), Float32Array.from([-1, 2, 0.5])];
const names = ['a', 'b'];
const gram = gramMatrix(gradients, names);

test('advantages are weighted per objective', () => {
  const advantages = Float64Array.from([1, 10, 2, 20, 3, 30]); // [rows, K]
  assert.deepEqual([...weightedAdvantages(advantages, [2, 0.5])], [7, 14, 21]);
});

test('small angles between combinations are accurate', () => {
  const degrees = (a: number[], b: number[]): number => angleBetween(gram, Float64Array.from(a), Float64Array.from(b));
  assert.equal(degrees([1, 2], [1, 2]), 0);
  assert.ok(degrees([1, 2], [10, 20]) < 1e-12);
  assert.ok(Math.abs(degrees([1, 0], [-1, 0]) - 180) < 1e-6);
  const cosine = -1 / (Math.hypot(3, 1, 0) * Math.hypot(1, 2, 0.5)); // ⟨a, b⟩ = -3 + 2 + 0
  assert.ok(Math.abs(degrees([1, 0], [0, 1]) - (Math.acos(cosine) * 180) / Math.PI) < 1e-9);
  assert.ok(Math.abs(degrees([1, 0], [1, 1e-10]) / degrees([1, 0], [1, 2e-10]) - 0.5) < 1e-6);
  assert.deepEqual([degrees([0, 0], [0, 0]), degrees([0, 0], [1, 0])], [0, 90]);
});

const options: Record<string, object> = {
  gapo: { p: 2 },
  pgapo: { preference: [0.3, 0.7] },
  linear: { weights: [1, 2] },
  morlhf: { weights: [1, 2] },
  gdpo: { weights: [1, 2] },
  single: { objective: 1 },
  lagrangian: { objective: 0, multipliers: [0, 0.5] },
  tchebycheff: { preference: [0.5, 0.5], values: [1, 2], reference: [3, 3], smoothing: 1 },
  pcgrad: { order: 'all' },
  gradvac: { order: { seed: 1, step: 1 } },
  pama: { advantages: [0.2, 0.4] },
  'mgda-decoupled': { losses: [0.5, 0.7] },
};

test('gradients in another unit lead to the exact update with every method', () => {
  for (const method of methods) {
    const chosen = { method, ...options[method] } as CombineOptions;
    const exact = combine(gram, chosen);
    const source = gramMatrix(
      gradients.map((gradient) => gradient.map((slope) => 256 * slope)),
      names,
    );
    const first = combine(source, chosen);
    const before = weightedSum(gradients, first.weights, new Float64Array(3));
    const { combination, factor } = rescaled(
      source,
      (gram) => combine(gram, chosen),
      first,
      before.reduce((sum, slope) => sum + slope * slope, 0),
    );
    exact.weights.forEach((weight, k) => {
      assert.ok(Math.abs(at(combination.weights, k) - weight) < 1e-6 * Math.abs(weight) + 1e-9, `${method} ${k}`);
      assert.ok(Math.abs(factor * at(first.weights, k) - weight) < 1e-6 * Math.abs(weight) + 1e-9, `${method} ${k}`);
      assert.ok(Math.abs(at(combination.norms, k) / at(exact.norms, k) - 1) < 1e-9, `${method} ${k}`);
      assert.ok(Math.abs(at(combination.progress, k) - at(exact.progress, k)) < 1e-5, `${method} ${k}`);
    });
  }
});
