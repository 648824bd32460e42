/** Gradient descent on losses whose gradients are known. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { at, createAdamWState, f32 } from '@gapo/numeric';
import { isExpected } from '@gapo/service';
import { Descent, type DescentOptions } from './descent.js';

/** The mean over examples of (x − example)² / 2, each weighted by its own value. */
function started(change: Partial<DescentOptions<number>> = {}) {
  const parameter = Float32Array.of(0);
  const x = (): number => f32(parameter, 0);
  const state = createAdamWState([parameter]);
  const asked: number[][] = [];
  const descent = new Descent([parameter], state, {
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
        loss: mean((example) => (x() - example) ** 2 / 2),
        weight,
        gradients: [Float32Array.of(mean((example) => x() - example))],
      };
    },
    schedule: { kind: 'constant', peak: 0.1 },
    weightDecay: 0,
    maxGradNorm: 1e9,
    ...change,
  });
  const firstMoment = (): number => f32(at(state.firstMoments, 0), 0);
  return { x, state, firstMoment, asked, descent };
}

test('updates are made in order, each with the gradient of its mean loss', async () => {
  const { x, firstMoment, asked, descent } = started();
  const first = await descent.update();
  assert.deepEqual({ ...first, seconds: 0 }, { update: 1, loss: 3, learningRate: 0.1, weight: 6, seconds: 0 });
  assert.ok(Math.abs(firstMoment() - 0.1 * (-14 / 6)) < 1e-6, 'the mean of 1, 2, 3, weighted by 1, 2, 3');
  assert.ok(Math.abs(x() - 0.1) < 1e-6, 'the first step of AdamW is as long as the learning rate');
  while (!descent.finished) await descent.update();
  assert.deepEqual(asked, [
    [1, 2, 3],
    [4, 1],
    [3, 2],
  ]);
  assert.deepEqual([descent.done, descent.updates], [3, 3]);
  await assert.rejects(descent.update(), RangeError);
});

test('micro-batches add up to the update', async () => {
  const [whole, split] = [started(), started({ microBatch: 2 })];
  while (!whole.descent.finished) {
    const [a, b] = [await whole.descent.update(), await split.descent.update()];
    assert.deepEqual([b.update, b.weight], [a.update, a.weight]);
    assert.ok(Math.abs(a.loss - b.loss) < 1e-6);
  }
  assert.ok(Math.abs(whole.x() - split.x()) < 1e-6);
  assert.deepEqual(split.asked, [[1, 2], [3], [4, 1], [3, 2]]);
});

test('the gradient is clipped', async () => {
  const { firstMoment, descent } = started({ maxGradNorm: 0.5 });
  await descent.update();
  assert.ok(Math.abs(firstMoment() + 0.1 * 0.5) < 1e-6);
});

test('training resumes after the updates that the optimizer has made', async () => {
  const { state, asked, descent } = started();
  state.step = 2;
  assert.equal((await descent.update()).update, 3);
  assert.deepEqual(asked, [[3, 2]]);
});

test('a loss or a gradient that is not finite is an error, and changes nothing', async () => {
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
    assert.deepEqual([x(), descent.done], [0, 0]);
  }
});
