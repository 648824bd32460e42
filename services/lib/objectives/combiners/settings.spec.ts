import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { assertClose } from '../gram/sampleGradients.fixture.js';
import { numberAt, scheduledByObjective } from './settings.js';

const points = { 5: 1, 10: 0, 20: 0.5 };

test('a scheduled number follows straight lines between its points and is level before and after', () => {
  assert.deepEqual(
    [0, 5, 7.5, 10, 15, 20, 50].map((step) => numberAt(points, step)),
    [1, 1, 0.5, 0, 0.25, 0.5, 0.5],
  );
  assert.deepEqual([numberAt(0.3, 0), numberAt(0.3, 99)], [0.3, 0.3]);
});

test('a preference between two points of the simplex stays on it', () => {
  const share = fc.integer({ min: 0, max: 1000 }).map((n) => n / 1000);
  fc.assert(
    fc.property(share, share, fc.integer({ min: 0, max: 40 }), (a, b, step) => {
      const both = [numberAt({ 3: a, 30: b }, step), numberAt({ 3: 1 - a, 30: 1 - b }, step)] as const;
      assertClose(both[0] + both[1], 1, 1e-15);
      assert.ok(both.every((number) => number >= 0));
    }),
  );
});

test('numbers below 0, invalid steps and schedules without points are refused', () => {
  for (const numbers of [{ a: -1 }, { a: NaN }, { a: { soon: 1 } }, { a: {} }, { a: { 0: -1 } }]) {
    assert.equal(scheduledByObjective.safeParse(numbers).success, false, JSON.stringify(numbers));
  }
});
