// Which steps keep their completions.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { stays } from './keptSteps.js';

/** Returns the steps that remain after `last` steps, applying the rule after each step. */
function kept(last: number, keep: number): number[] {
  let steps: number[] = [];
  for (let step = 1; step <= last; step++) {
    steps.push(step);
    steps = steps.filter((each) => stays(each, step, keep));
  }
  return steps;
}

test('the newest steps are kept, and a spread of earlier ones', () => {
  assert.deepEqual(kept(3, 8), [1, 2, 3]);
  assert.deepEqual(kept(8, 8), [1, 2, 3, 4, 5, 6, 7, 8]);
  assert.deepEqual(kept(100, 8), [1, 33, 65, 97, 98, 99, 100]);
  assert.deepEqual(kept(5, 1), [5]);
});

test('removing step by step leaves the steps to keep, never more than asked for, step 1 included', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 1, max: 20 }), (last, keep) => {
      const all = Array.from({ length: last }, (_, i) => i + 1);
      const steps = kept(last, keep);
      assert.deepEqual(
        steps,
        all.filter((step) => stays(step, last, keep)),
      );
      assert.ok(steps.length <= keep && steps.at(-1) === last);
      if (keep > 1) assert.equal(steps[0], 1);
    }),
  );
});
