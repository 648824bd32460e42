/** A descent on losses whose gradients are known. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createAdamWState } from '@gapo/numeric';
import { isExpected } from '@gapo/service';
import { Descent, type DescentOptions } from './descent.js';

/** A mean over examples of (x − example)² / 2, of which an example weighs its own number. */
function started(change: Partial<DescentOptions<number>> = {}) {
  const x = Float32Array.of(0);
  const state = createAdamWState([x]);
  const asked: number[][] = [];
  const descent = new Descent([x], state, {
    examples: [1, 2, 3, 4],
    updates: [
      [0, 1, 2],
      [3, 0],
      [2, 1],
    ],
    compute: async (examples) => {
      asked.push([...examples]);
      const weight = examples.reduce((sum, example) => sum + example, 0);
      const mean = (of: (example: number) => number): number =>
        examples.reduce((sum, example) => sum + example * of(example), 0) / weight;
      return {
        loss: mean((example) => (x[0]! - example) ** 2 / 2),
        weight,
        gradients: [Float32Array.of(mean((example) => x[0]! - example))],
      };
    },
    schedule: { kind: 'constant', peak: 0.1 },
    weightDecay: 0,
    maxGradNorm: 1e9,
    ...change,
  });
  return { x, state, asked, descent };
}

test('updates are made in their order, and AdamW has the gradient of their mean', async () => {
  const { x, state, asked, descent } = started();
  const first = await descent.update();
  assert.deepEqual({ ...first, seconds: 0 }, { update: 1, loss: 3, learningRate: 0.1, weight: 6, seconds: 0 });
  assert.ok(Math.abs(state.firstMoments[0]![0]! - 0.1 * (-14 / 6)) < 1e-6, 'the mean of 1, 2, 3 by their own weights');
  assert.ok(Math.abs(x[0]! - 0.1) < 1e-6, 'a first step is as long as the rate');
  while (!descent.finished) await descent.update();
  assert.deepEqual(asked, [
    [1, 2, 3],
    [4, 1],
    [3, 2],
  ]);
  assert.deepEqual([descent.done, descent.updates], [3, 3]);
  await assert.rejects(descent.update(), RangeError);
});

test('an update in pieces is the update', async () => {
  const [whole, pieces] = [started(), started({ microBatch: 2 })];
  while (!whole.descent.finished) {
    const [a, b] = [await whole.descent.update(), await pieces.descent.update()];
    assert.deepEqual([b.update, b.weight], [a.update, a.weight]);
    assert.ok(Math.abs(a.loss - b.loss) < 1e-6);
  }
  assert.ok(Math.abs(whole.x[0]! - pieces.x[0]!) < 1e-6);
  assert.deepEqual(pieces.asked, [[1, 2], [3], [4, 1], [3, 2]]);
});

test('a long gradient is shortened', async () => {
  const { state, descent } = started({ maxGradNorm: 0.5 });
  await descent.update();
  assert.ok(Math.abs(state.firstMoments[0]![0]! + 0.1 * 0.5) < 1e-6);
});

test('a descent whose optimiser has made updates goes on after them', async () => {
  const { state, asked, descent } = started();
  state.step = 2;
  assert.equal((await descent.update()).update, 3);
  assert.deepEqual(asked, [[3, 2]]);
});

test('a loss or a gradient that is no number ends it, with what to change, and changes nothing', async () => {
  for (const [loss, slope, what] of [
    [NaN, 1, 'loss is NaN'],
    [1, -Infinity, 'gradient has -Infinity'],
  ] as const) {
    const compute = async () => ({ loss, weight: 1, gradients: [Float32Array.of(slope)] });
    const { x, descent } = started({ compute });
    await assert.rejects(
      descent.update(),
      (error: unknown) =>
        isExpected(error) && error.message === `update 1: the ${what}; lower the learning rate, which is 0.1`,
    );
    assert.deepEqual([x[0], descent.done], [0, 0]);
  }
});
