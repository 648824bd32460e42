/** Importance weights against values computed by hand. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { effectiveSampleSize, truncatedWeights } from './importance.js';
import { logRatioLimit } from './surrogate.js';

const ln = Math.log;

test('the effective sample size is (Σ w)² / (N Σ w²)', () => {
  // Weights 1, 2 and 3: 36 / (3 · 14).
  const size = effectiveSampleSize([ln(0.1), ln(0.4), ln(0.9)], [ln(0.1), ln(0.2), ln(0.3)]);
  assert.ok(Math.abs(size - 6 / 7) < 1e-15, `${size}`);
});

test('it is 1 where every weight is the same, and 1/N where one outweighs all others', () => {
  assert.equal(effectiveSampleSize([-1, -2], [-1, -2]), 1);
  assert.ok(Math.abs(effectiveSampleSize([-1, -2], [-3, -4]) - 1) < 1e-15);
  assert.ok(Math.abs(effectiveSampleSize([-1, -60, -60, -60], [-30, -1, -1, -1]) - 1 / 4) < 1e-12);
});

test("a completion's weight is the product of its tokens' ratios, at most the cap", () => {
  const current = [ln(0.5), ln(0.5), ln(0.9), ln(0.2), ln(0.3)];
  const behaviour = [ln(0.25), ln(0.8), ln(0.1), ln(0.8), ln(0.3)];
  const [first = NaN, second = NaN, third = NaN] = truncatedWeights(current, behaviour, [2, 1, 2], 2);
  assert.ok(Math.abs(first - 1.25) < 1e-15);
  assert.equal(second, 2); // 9 without the cap
  assert.ok(Math.abs(third - 0.25) < 1e-15);
});

test('weights stay finite, whatever the log-probabilities', () => {
  assert.deepEqual(
    [...truncatedWeights([-1, -800], [-800, -1], [1, 1], Infinity)],
    [Math.exp(logRatioLimit), Math.exp(-logRatioLimit)],
  );
});

test('other numbers of tokens are refused', () => {
  assert.throws(
    () => effectiveSampleSize([-1], [-1, -2]),
    /1 log-probabilities of the policy, 2 of the one that sampled/,
  );
  assert.throws(() => effectiveSampleSize([], []), /no tokens/);
  assert.throws(() => truncatedWeights([-1, -2], [-1, -2], [1], 2), /have 1 tokens, expected 2/);
});
