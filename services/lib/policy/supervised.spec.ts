import assert from 'node:assert/strict';
import { test } from 'node:test';
import { randomDecoder } from '@gapo/model';
import { adamWStep, createAdamWState } from '@gapo/numeric';
import { SupervisedEngine } from './supervised.js';
import { tinyConfig } from './tinyModel.fixture.js';

test('supervised training fits its data', async () => {
  const engine = await SupervisedEngine.open(tinyConfig, { valueHeads: 0 }, new Map(), { threads: 1 });
  const tensors = randomDecoder(tinyConfig, 2);
  const parameters = tensors.map(({ data }) => data);
  const state = createAdamWState(parameters);
  const sequences = [
    { promptIds: [1, 4], completionIds: [5, 6, 2] },
    { promptIds: [1, 7], completionIds: [8, 9, 10, 2] },
  ];
  const first = await engine.compute(tensors, sequences);
  assert.ok(
    Math.abs(first.loss - Math.log(tinyConfig.vocabulary)) < 0.1,
    'the first loss is that of a uniform distribution',
  );
  for (let step = 0; step < 80; step++) {
    const { gradients } = await engine.compute(tensors, sequences);
    adamWStep(parameters, gradients, state, { learningRate: 1e-2, direction: 'descend' });
  }
  const last = await engine.compute(tensors, sequences);
  assert.ok(last.loss < 0.05, `loss ${last.loss}`);
  assert.equal(last.tokens, 7);
  await engine.close();
});
