import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { NonFiniteError } from './errors.js';
import { deriveSeed, fillUniforms } from './random.js';
import {
  bootstrapMean,
  bootstrapPairedDifference,
  kendallTau,
  mean,
  standardDeviation,
  winRate,
} from './statistics.js';
import { assertClose } from './testing.fixture.js';

const values = fc.array(fc.double({ min: -100, max: 100, noNaN: true }), { minLength: 1, maxLength: 40 });

test('mean and standard deviation of a known list', () => {
  const list = [2, 4, 4, 4, 5, 5, 7, 9];
  assert.equal(mean(list), 5);
  assert.equal(standardDeviation(list, 'population'), 2);
  assertClose(standardDeviation(list), Math.sqrt(32 / 7), 1e-15);
  assertClose(standardDeviation(list.map((x) => x + 1e9)), Math.sqrt(32 / 7), 1e-9);
});

test('statistics of nothing, or of what is not a number, are errors', () => {
  assert.throws(() => mean([]), /no values/);
  assert.throws(() => standardDeviation([1]), /at least two/);
  assert.equal(standardDeviation([1], 'population'), 0);
  assert.throws(() => mean([1, NaN]), NonFiniteError);
  assert.throws(() => bootstrapMean([1, Infinity], { seed: 1 }), NonFiniteError);
  assert.throws(() => winRate([1, NaN], [0, 0]), NonFiniteError);
  assert.throws(() => winRate([Infinity], [Infinity]), NonFiniteError);
  assert.throws(() => winRate([1], []), /1 scores against 0/);
  assert.throws(() => winRate([], []), /no pairs/);
  assert.throws(() => bootstrapPairedDifference([1, 2], [1], { seed: 1 }), /2 scores against 1/);
  assert.throws(() => bootstrapMean([1], { seed: 1, resamples: 5 }), /5 resamples/);
});

test('an interval holds its mean, lies within the data, and repeats from its seed', () => {
  fc.assert(
    fc.property(values, fc.nat(), (list, seed) => {
      const options = { seed, resamples: 400 };
      const estimate = bootstrapMean(list, options);
      assert.deepEqual(bootstrapMean(list, options), estimate);
      assert.equal(estimate.value, mean(list));
      const slack = 1e-12 * 100;
      assert.ok(estimate.low <= estimate.high);
      assert.ok(estimate.low >= Math.min(...list) - slack && estimate.high <= Math.max(...list) + slack);
    }),
  );
});

test('the interval has the width that the normal approximation predicts', () => {
  const list = fillUniforms(new Float32Array(400), 11, 0, 0, 0);
  const { value, low, high } = bootstrapMean(list, { seed: 3 });
  const expected = (1.96 * standardDeviation(list)) / Math.sqrt(list.length);
  assertClose((high - value) / expected, 1, 0.06);
  assertClose((value - low) / expected, 1, 0.06);
});

test('about 95 % of intervals hold the true mean', () => {
  let held = 0;
  for (let trial = 0; trial < 400; trial++) {
    const list = fillUniforms(new Float32Array(40), 5, trial, 0, 0);
    const { low, high } = bootstrapMean(list, { seed: trial, resamples: 500 });
    if (low <= 0.5 && 0.5 <= high) held += 1;
  }
  assert.ok(held / 400 > 0.91 && held / 400 < 0.98, `${held} of 400`);
});

test('pairing takes out what both sides share', () => {
  const before = fillUniforms(new Float32Array(100), deriveSeed(1, 'prompts'), 0, 0, 0).map((x) => 100 * x);
  const after = before.map((x, i) => x + 1 + (i % 2 === 0 ? 0.125 : -0.125));
  const { value, low, high } = bootstrapPairedDifference(after, before, { seed: 2 });
  assertClose(value, 1, 1e-5);
  assert.ok(low > 0.96 && high < 1.04);
});

test('wins count one, ties half, and swapping sides mirrors the interval', () => {
  assert.equal(winRate([3, 1, 2, 5], [1, 3, 2, 0]).value, 0.625);
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(3), fc.nat(3)), { minLength: 1, maxLength: 50 }), (pairs) => {
      const [ours, theirs] = [pairs.map(([a]) => a), pairs.map(([, b]) => b)];
      const [one, other] = [winRate(ours, theirs), winRate(theirs, ours)];
      assertClose(one.value + other.value, 1, 1e-15);
      assertClose(one.low + other.high, 1, 1e-12);
      assert.ok(one.low >= 0 && one.low <= one.value + 1e-12 && one.value <= one.high + 1e-12 && one.high <= 1);
    }),
  );
});

test('the Wilson interval has its known values, and width where every pair is won', () => {
  const half = winRate([1, 1, 1, 1, 1, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 1, 1, 1, 1, 1]);
  assertClose(half.low, 0.2366, 1e-4);
  assertClose(half.high, 0.7634, 1e-4);
  const all = winRate(new Array<number>(10).fill(1), new Array<number>(10).fill(0));
  assert.equal(all.value, 1);
  assertClose(all.low, 0.7225, 1e-4);
  assertClose(all.high, 1, 1e-12);
});

test("Kendall's τ-b: order, reversal, ties, and what has no order", () => {
  assert.equal(kendallTau([1, 2, 3], [10, 20, 90]), 1);
  assert.equal(kendallTau([1, 2, 3], [5, 4, -1]), -1);
  // 4 of 6 pairs agree, 1 disagrees, 1 is tied in the second: (4 - 1) / √(6 · 5).
  assertClose(kendallTau([1, 2, 3, 4], [1, 3, 2, 3]), 3 / Math.sqrt(30), 1e-15);
  assert.ok(Number.isNaN(kendallTau([1, 2], [3, 3])));
  assert.throws(() => kendallTau([1], [1, 2]), /Kendall's τ: 1 scores against 2/);
});
