// Preferences that condition a policy: their draws, their levels, and the resulting update.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { at } from '@gapo/numeric';
import fc from 'fast-check';
import { preferred } from '../advantages/stages.js';
import { combine } from '../combiners/combine.js';
import { weightedSum } from '../gram/direction.js';
import { gramMatrix } from '../gram/gram.js';
import { drawPreference } from './draw.js';
import { completePreference, preferenceLevels } from './levels.js';

const sum = (values: ArrayLike<number>): number => Array.from(values).reduce((total, value) => total + value, 0);

describe('levels', () => {
  test('are integers that sum to the levels, each within 1 of its share', () => {
    const shares = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(shares, fc.integer({ min: 1, max: 100 }), (preference, levels) => {
        const total = sum(preference);
        fc.pre(total > 1e-3);
        const result = preferenceLevels(preference, levels);
        assert.equal(sum(result), levels);
        for (const [k, level] of result.entries()) {
          assert.ok(Number.isInteger(level) && level >= 0);
          assert.ok(Math.abs(level - (levels * at(preference, k)) / total) < 1 + 1e-6);
        }
      }),
    );
  });

  test('of shares that are whole levels are these', () => {
    for (let level = 0; level <= 10; level++) {
      assert.deepEqual(preferenceLevels([level / 10, 1 - level / 10], 10), [level, 10 - level]);
    }
    assert.throws(() => preferenceLevels([0, 0], 10), /sums to 0/);
  });

  test('objectives without a share divide the rest, and wrong shares are refused', () => {
    const names = ['a', 'b', 'c'];
    assert.deepEqual(completePreference(names, { b: 0.5 }), [0.25, 0.5, 0.25]);
    assert.deepEqual(completePreference(names, { a: 1 }), [1, 0, 0]);
    assert.deepEqual(completePreference(names, { a: 0.2, b: 0.3, c: 0.5 }), [0.2, 0.3, 0.5]);
    assert.throws(() => completePreference(names, { d: 1 }), /no objective d, only a, b, c/);
    assert.throws(() => completePreference(names, { a: -0.1 }), /a is -0.1, expected a share from 0 to 1/);
    assert.throws(() => completePreference(names, { a: NaN }), /a is NaN/);
    assert.throws(() => completePreference(names, { a: 0.8, b: 0.4 }), /sum to 1.2, expected at most 1/);
    assert.throws(() => completePreference(names, { a: 0.2, b: 0.3, c: 0.4 }), /sum to 0.9, expected 1/);
  });
});

describe('draws', () => {
  const count = 4000;
  const many = (of: { concentration: number; corners: number; objectives: number }): number[][] =>
    Array.from({ length: count }, (_, prompt) => drawPreference({ ...of, levels: 1000 }, 7, 3, prompt));

  test('have the mean and the variance of the symmetric Dirichlet distribution', () => {
    for (const [objectives, concentration] of [
      [2, 1],
      [3, 0.4],
      [3, 5],
    ] as const) {
      const drawn = many({ objectives, concentration, corners: 0 });
      for (let k = 0; k < objectives; k++) {
        const shares = drawn.map((levels) => at(levels, k) / 1000);
        const mean = sum(shares) / count;
        const variance = sum(shares.map((share) => (share - mean) ** 2)) / count;
        const expected = (objectives - 1) / (objectives ** 2 * (objectives * concentration + 1));
        assert.ok(Math.abs(mean - 1 / objectives) < 4 * Math.sqrt(expected / count), `mean ${mean}`);
        assert.ok(Math.abs(variance / expected - 1) < 0.1, `variance ${variance}, expected ${expected}`);
      }
    }
  });

  test('are one objective alone in the share of corners, each as often', () => {
    const drawn = many({ objectives: 3, concentration: 50, corners: 0.3 });
    for (let k = 0; k < 3; k++) {
      const share = drawn.filter((levels) => at(levels, k) === 1000).length / count;
      assert.ok(Math.abs(share - 0.1) < 0.02, `corner ${k}: ${share}`);
    }
  });

  test('depend on seed, step and prompt alone, whatever the concentration', () => {
    for (const concentration of [1e-300, 0.01, 1, 1e6]) {
      const of = { objectives: 4, concentration, corners: 0.1, levels: 10 };
      const draw = (seed: number, step: number, prompt: number): string =>
        drawPreference(of, seed, step, prompt).join();
      assert.equal(draw(1, 2, 3), draw(1, 2, 3));
      const all = Array.from({ length: 50 }, (_, prompt) => draw(1, 2, prompt));
      assert.ok(new Set(all).size > 1 || concentration > 1000);
      assert.ok(all.every((levels) => sum(levels.split(',').map(Number)) === 10));
    }
  });
});

/** Random advantages of N completions for K objectives, each completion's gradient of its log-probability, and λ. */
const batches = fc.tuple(fc.integer({ min: 2, max: 4 }), fc.integer({ min: 2, max: 8 })).chain(([objectives, rows]) => {
  const numbers = (length: number): fc.Arbitrary<Float64Array> =>
    fc
      .array(fc.double({ min: -3, max: 3, noNaN: true }), { minLength: length, maxLength: length })
      .map((values) => Float64Array.from(values, (value) => Math.round(value * 1e6) / 1e6 + 1e-3));
  return fc.record({
    columns: fc.array(numbers(rows), { minLength: objectives, maxLength: objectives }),
    scores: fc.array(numbers(6), { minLength: rows, maxLength: rows }),
    levels: fc.array(fc.array(fc.integer({ min: 1, max: 9 }), { minLength: objectives, maxLength: objectives }), {
      minLength: rows,
      maxLength: rows,
    }),
  });
});

/** Returns Σ A_i ∇log π_i over the completions, [6]. */
function gradient(advantages: ArrayLike<number>, scores: readonly Float64Array[]): Float32Array {
  return Float32Array.from({ length: 6 }, (_, p) =>
    scores.reduce((total, score, i) => total + at(advantages, i) * at(score, p), 0),
  );
}

describe('the update', () => {
  test('objective k climbs Σ λ_k(prompt) ∇J_k(prompt)', () => {
    fc.assert(
      fc.property(batches, ({ columns, scores, levels }) => {
        const preferences = levels.map((of) => of.map((level) => level / sum(of)));
        preferred(columns, preferences).forEach((column, k) => {
          const ours = gradient(column, scores);
          const expected = Array.from({ length: 6 }, (_, p) =>
            sum(preferences.map((of, i) => at(of, k) * at(at(columns, k), i) * at(at(scores, i), p))),
          );
          expected.forEach((value, p) => assert.ok(Math.abs(at(ours, p) - value) < 1e-4));
        });
      }),
    );
  });

  test('is that of P-GAPO where every prompt has the same λ', () => {
    fc.assert(
      fc.property(batches, ({ columns, scores, levels }) => {
        const names = columns.map((_, k) => `objective${k}`);
        const preference = at(levels, 0).map((level) => level / sum(at(levels, 0)));
        const directionOf = (gradients: readonly Float32Array[]): Float32Array => {
          const { weights } = combine(gramMatrix(gradients, names), { method: 'pgapo', preference });
          return weightedSum(gradients, weights, new Float32Array(6));
        };
        const plain = directionOf(columns.map((column) => gradient(column, scores)));
        const same = preferred(
          columns,
          scores.map(() => preference),
        );
        const stated = directionOf(same.map((column) => gradient(column, scores)));
        stated.forEach((value, p) => assert.ok(Math.abs(value - at(plain, p)) < 1e-3, `${value} ${at(plain, p)}`));
      }),
    );
  });

  test('of a corner has the rows of that objective alone, also for tokens', () => {
    const columns = [Float64Array.of(1, -2, 3, -4), Float64Array.of(5, 6, -7, 8)];
    const corners = [
      [1, 0],
      [0, 1],
    ];
    assert.deepEqual(preferred(columns, corners, 2), [Float64Array.of(1, -2, 0, -0), Float64Array.of(0, 0, -7, 8)]);
  });
});
