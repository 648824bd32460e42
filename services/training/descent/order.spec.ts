/** Mini-batches: every example once per epoch, no held-out ones, reproducible from the seed. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { at } from '@gapo/numeric';
import fc from 'fast-check';
import { heldOutSplit, updatesOf } from './order.js';

test('every example is in one update of each epoch', () => {
  const extents = { count: fc.integer({ min: 1, max: 500 }), batch: fc.integer({ min: 1, max: 20 }) };
  fc.assert(
    fc.property(extents.count, extents.batch, fc.nat(1000), (count, batch, seed) => {
      const lengths = Array.from({ length: count }, (_, i) => 1 + ((i * 7) % 50));
      const updates = updatesOf(lengths, batch, 2, seed);
      const perEpoch = updates.length / 2;
      for (const epoch of [updates.slice(0, perEpoch), updates.slice(perEpoch)]) {
        assert.deepEqual(
          epoch.flat().sort((a, b) => a - b),
          lengths.map((_, i) => i),
        );
      }
      assert.ok(updates.every((update) => update.length >= 1 && update.length <= batch));
      assert.deepEqual(updatesOf(lengths, batch, 2, seed), updates);
    }),
  );
});

test('epochs differ in their order, and updates have examples of about equal length', () => {
  const lengths = Array.from({ length: 640 }, (_, i) => 1 + ((i * 37) % 64));
  const updates = updatesOf(lengths, 8, 2, 5);
  assert.notDeepEqual(updates.slice(0, 80), updates.slice(80));
  const spread = updates.map((update) => {
    const own = update.map((index) => at(lengths, index));
    return Math.max(...own) - Math.min(...own);
  });
  assert.ok(spread.reduce((sum, value) => sum + value, 0) / spread.length < 8);
});

test('held-out and training examples partition the data, and the seed determines the split', () => {
  const { training, heldOut } = heldOutSplit(100, 0.2, 7);
  assert.equal(heldOut.length, 20);
  assert.deepEqual(
    [...training, ...heldOut].sort((a, b) => a - b),
    Array.from({ length: 100 }, (_, i) => i),
  );
  assert.deepEqual(heldOutSplit(100, 0.2, 7), { training, heldOut });
  assert.notDeepEqual(heldOutSplit(100, 0.2, 8).heldOut, heldOut);
  assert.deepEqual(heldOutSplit(3, 0, 7), { training: [0, 1, 2], heldOut: [] });
});

test('a group is held out whole or not at all, and no more groups than the fraction needs', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(20), { minLength: 1, maxLength: 100 }), fc.nat(1000), (groups, seed) => {
      const groupOf = (index: number): number => at(groups, index);
      const { training, heldOut } = heldOutSplit(groups.length, 0.3, seed, groupOf);
      assert.equal(training.length + heldOut.length, groups.length);
      const kept = new Set(heldOut.map(groupOf));
      assert.ok(training.every((index) => !kept.has(groupOf(index))));
      const wanted = Math.round(0.3 * groups.length);
      assert.ok(heldOut.length >= wanted);
      const largest = Math.max(0, ...[...kept].map((group) => groups.filter((other) => other === group).length));
      assert.ok(heldOut.length < wanted + Math.max(1, largest));
    }),
  );
});
