import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Session, int64 } from '@gapo/graph';
import { encodeSafetensors, parseHeader, randomDecoder } from '@gapo/model';
import { adamWStep, createAdamWState } from '@gapo/optimizer';
import { ClassifierEngine, classifierTensors, exportClassifier, scoreHead } from './classifier.js';
import { SupervisedEngine } from './supervised.js';
import { tinyConfig } from './tinyModel.fixture.js';

const pairs = Array.from({ length: 16 }, (_, i) => ({
  chosen: [1, 3 + (i % 4), 7, 2],
  rejected: [1, 3 + (i % 4), 8, 9, 2],
}));

test('a classifier learns to order pairs, and its exported model scores as it does', async () => {
  const engine = await ClassifierEngine.open(tinyConfig, { threads: 1 });
  const tensors = randomDecoder(tinyConfig, 2, [scoreHead(tinyConfig)]);
  const parameters = tensors.map(({ data }) => data);
  const state = createAdamWState(parameters);
  const first = await engine.compute(tensors, pairs);
  for (let step = 0; step < 60; step++) {
    const { gradients } = await engine.compute(tensors, pairs);
    adamWStep(parameters, gradients, state, { learningRate: 1e-2, direction: 'descend' });
  }
  const last = await engine.compute(tensors, pairs);
  assert.ok(Math.abs(first.loss - Math.LN2) < 0.02, 'nothing is known at first');
  assert.ok(last.loss < 0.05 && last.accuracy === 1, `loss ${last.loss}, accuracy ${last.accuracy}`);

  const directory = await mkdtemp(join(tmpdir(), 'gapo-classifier-'));
  const bytes = encodeSafetensors(tensors);
  await writeFile(join(directory, 'model.safetensors'), bytes);
  const model = exportClassifier(tinyConfig, 'model.safetensors', parseHeader(bytes, 'model.safetensors'));
  assert.ok(model.byteLength < 40_000, 'the weights stay in their file');
  await writeFile(join(directory, 'model.onnx'), model);
  const session = await Session.open(join(directory, 'model.onnx'), { threads: 1 });
  const ids = [1, 3, 7, 2, 0, 1, 3, 8, 9, 2];
  const mask = [1, 1, 1, 1, 0, 1, 1, 1, 1, 1];
  const { logits } = await session.run({
    input_ids: { data: int64(ids), dims: [2, 5] },
    attention_mask: { data: int64(mask), dims: [2, 5] },
  });
  const expected = await engine.score(tensors, [
    [1, 3, 7, 2],
    [1, 3, 8, 9, 2],
  ]);
  expected.forEach((score, index) => assert.ok(Math.abs(score - Number(logits?.data[index])) < 1e-5));
  assert.deepEqual(
    tensors.map(({ name }) => name),
    classifierTensors(tinyConfig).map(({ name }) => name),
  );
  await session.close();
  await engine.close();
  await rm(directory, { recursive: true });
});

test('supervised training descends its loss to that of the data', async () => {
  const engine = await SupervisedEngine.open(tinyConfig, { valueHeads: 0 }, new Map(), { threads: 1 });
  const tensors = randomDecoder(tinyConfig, 2);
  const parameters = tensors.map(({ data }) => data);
  const state = createAdamWState(parameters);
  const sequences = [
    { promptIds: [1, 4], completionIds: [5, 6, 2] },
    { promptIds: [1, 7], completionIds: [8, 9, 10, 2] },
  ];
  const first = await engine.compute(tensors, sequences);
  assert.ok(Math.abs(first.loss - Math.log(tinyConfig.vocabulary)) < 0.1, 'nothing is known at first');
  for (let step = 0; step < 80; step++) {
    const { gradients } = await engine.compute(tensors, sequences);
    adamWStep(parameters, gradients, state, { learningRate: 1e-2, direction: 'descend' });
  }
  const last = await engine.compute(tensors, sequences);
  assert.ok(last.loss < 0.05, `loss ${last.loss}`);
  assert.equal(last.tokens, 7);
  await engine.close();
});
