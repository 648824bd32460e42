import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { weightsAt, type WeightSchedule } from './mod.js';
import { assertClose } from './sampleGradients.fixture.js';

const at = (schedule: WeightSchedule, step: number): number[] => [...weightsAt(schedule, 2, step)];

test('constant, linear and piecewise weights', () => {
  assert.deepEqual(at({ kind: 'constant', weights: [0.3, 0.7] }, 99), [0.3, 0.7]);
  const linear: WeightSchedule = { kind: 'linear', from: [1, 0], to: [0, 1], start: 10, end: 20 };
  assert.deepEqual([0, 10, 15, 20, 99].map((step) => at(linear, step)), [[1, 0], [1, 0], [0.5, 0.5], [0, 1], [0, 1]]); // prettier-ignore
  const points = [
    { step: 5, weights: [1, 0] },
    { step: 10, weights: [0, 1] },
    { step: 20, weights: [0.5, 0.5] },
  ];
  const held: WeightSchedule = { kind: 'piecewise', points };
  assert.deepEqual(
    [0, 5, 9, 10, 19, 20, 50].map((step) => at(held, step)[0]),
    [1, 1, 1, 0, 0, 0.5, 0.5],
  );
  const lines: WeightSchedule = { kind: 'piecewise', points, between: 'line' };
  assert.deepEqual(
    [0, 5, 7.5, 10, 15, 20, 50].map((step) => at(lines, step)[0]),
    [1, 1, 0.5, 0, 0.25, 0.5, 0.5],
  );
});

test('a schedule between points of the simplex stays on it', () => {
  const share = fc.integer({ min: 0, max: 1000 }).map((n) => n / 1000);
  fc.assert(
    fc.property(share, share, fc.integer({ min: 0, max: 40 }), (a, b, step) => {
      const schedule: WeightSchedule = { kind: 'linear', from: [a, 1 - a], to: [b, 1 - b], start: 3, end: 30 };
      const weights = at(schedule, step);
      assertClose(weights[0]! + weights[1]!, 1, 1e-15);
      assert.ok(weights.every((w) => w >= 0));
    }),
  );
});

test('what does not fit is refused by name', () => {
  const refused = (schedule: unknown, message: RegExp): void =>
    assert.throws(() => weightsAt(schedule as WeightSchedule, 2, 0), message);
  refused({ kind: 'constant', weights: [1] }, /weights has 1 numbers for 2 objectives/);
  refused({ kind: 'constant', weights: [1, -1] }, /weights has -1 for objective 1/);
  refused({ kind: 'constant', weights: [1, NaN] }, /weights entry 1 is NaN/);
  refused({ kind: 'linear', from: [1, 0], to: [0, 1], start: 5, end: 5 }, /start is 5 and end 5/);
  refused({ kind: 'piecewise', points: [] }, /no points/);
  refused({ kind: 'piecewise', points: [{ step: 3, weights: [1, 0] }, { step: 3, weights: [1, 0] }] }, /point 1 is at step 3/); // prettier-ignore
  refused({ kind: 'sine' }, /kind is sine, expected constant, linear or piecewise/);
  assert.throws(() => weightsAt({ kind: 'constant', weights: [1, 1] }, 2, -1), /step is -1/);
});
