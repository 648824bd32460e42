// The waterfall of a step.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { barsOf } from '#page/timeline.js';

test('phases follow each other, and what is left of the step is other', () => {
  const phases = { sampling: 1, rewards: 0.5, gradients: 2, combination: 0.25, checkpoint: null };
  assert.deepEqual(barsOf({ phases, seconds: 4 }), [
    { name: 'sampling', start: 0, seconds: 1 },
    { name: 'rewards', start: 1, seconds: 0.5 },
    { name: 'gradients', start: 1.5, seconds: 2 },
    { name: 'combination', start: 3.5, seconds: 0.25 },
    { name: 'other', start: 3.75, seconds: 0.25 },
  ]);
  assert.deepEqual(barsOf({ seconds: null }), []);
});
