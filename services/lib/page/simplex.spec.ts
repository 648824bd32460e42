/** The preference dial's arithmetic: shares stay on the simplex, the triangle is read as it is drawn, estimates stay between what is known. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { landing, normalised, pointOf, roundedShares, sharesAt, withShare } from '#page/simplex.js';

const share = fc.double({ min: 0, max: 1, noNaN: true });
const shares = fc.array(share, { minLength: 2, maxLength: 8 }).map(normalised);
const sum = (numbers: readonly number[]): number => numbers.reduce((total, each) => total + each, 0);
const near = (a: readonly number[], b: readonly number[]): boolean =>
  a.length === b.length && a.every((each, i) => Math.abs(each - (b[i] ?? NaN)) < 1e-9);

test('rounded shares have four digits and still sum to 1', () => {
  assert.deepEqual(roundedShares([1 / 3, 1 / 3, 1 / 3]), [0.3334, 0.3333, 0.3333]);
  fc.assert(
    fc.property(shares, (all) => {
      const rounded = roundedShares(all);
      assert.ok(Math.abs(sum(rounded) - 1) < 1e-9, rounded.join());
      rounded.forEach((each, i) => {
        assert.equal(each, Number(each.toFixed(4)));
        assert.ok(each >= 0 && Math.abs(each - (all[i] ?? NaN)) <= 0.5e-4 * all.length + 1e-9);
      });
    }),
  );
});

test('setting a share keeps the sum at 1 and the proportions of the others', () => {
  fc.assert(
    fc.property(shares, fc.nat(7), fc.double({ min: -1, max: 2, noNaN: true }), (before, at, set) => {
      const index = at % before.length;
      const after = withShare(before, index, set);
      assert.ok(Math.abs(sum(after) - 1) < 1e-9 && after.every((each) => each >= 0));
      assert.equal(after[index], Math.min(1, Math.max(0, set)));
      const [i, j] = [...before.keys()].filter((each) => each !== index);
      if (i === undefined || j === undefined || before[index] === 1) return;
      assert.ok(Math.abs((before[i] ?? 0) * (after[j] ?? 0) - (before[j] ?? 0) * (after[i] ?? 0)) < 1e-9);
    }),
  );
  assert.deepEqual(withShare([1, 0, 0], 0, 0.5), [0.5, 0.25, 0.25]);
  assert.deepEqual(normalised([0, 0]), [0.5, 0.5]);
});

test('the triangle is read as it is drawn, and a point beside it is one of its edge', () => {
  fc.assert(
    fc.property(share, share, share, (a, b, c) => {
      const given = normalised([a, b, c]);
      assert.ok(near(sharesAt(...pointOf(given)), given));
    }),
  );
  assert.deepEqual(sharesAt(0, 1), [1, 0, 0]);
  assert.deepEqual(sharesAt(0.5, -3), [0, 0, 1]);
});

test('an estimate is that of a known preference, and between those of others', () => {
  const known = [
    { shares: [1, 0], rewards: [2, -1] },
    { shares: [0, 1], rewards: [0, 3] },
  ];
  assert.deepEqual(landing([1, 0], known), [2, -1]);
  assert.deepEqual(landing([0.5, 0.5], known), [1, 1]);
  assert.equal(landing([0.5, 0.5], known.slice(1)), undefined);
  assert.equal(landing([0.5, 0.5], []), undefined);
  fc.assert(
    fc.property(share, (a) => {
      const [x = NaN, y = NaN] = landing([a, 1 - a], known) ?? [];
      assert.ok(x >= -1e-9 && x <= 2 + 1e-9 && y >= -1 - 1e-9 && y <= 3 + 1e-9);
    }),
  );
});
