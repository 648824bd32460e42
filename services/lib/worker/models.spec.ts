/**
 * Engines and models: models are read once and always match the coordinator's, and only the latest runs keep engines.
 */
import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { test, type TestContext } from 'node:test';
import { type DecoderModel, ModelError, type TrainableSpec } from '@gapo/model';
import { EngineHolder, ModelStore, type EngineKey } from './mod.js';
import { damageWeights, tinyPolicy, tinyTrainable } from './testing.fixture.js';

/** A holder whose engines only record that they were created and closed. */
async function holder(t: TestContext) {
  const policy = await tinyPolicy(t);
  const made: DecoderModel[] = [];
  const closed: TrainableSpec[] = [];
  const models = new ModelStore({ modelRoot: '/', modelCache: `${policy.directory}-cache` });
  const engines = new EngineHolder(models, async (model, { trainable }) => {
    made.push(model);
    return { trainable, close: async () => void closed.push(trainable) };
  });
  const key: EngineKey = {
    model: policy.directory,
    modelSha256: policy.model.sha256,
    ignoreKeys: [],
    trainable: tinyTrainable,
    computation: { precision: 'float32', memoryBudget: 64, recompute: false },
  };
  return { policy, engines, key, made, closed };
}

test('concurrent requests share one engine, and its model is read once', async (t) => {
  const { policy, engines, key, made } = await holder(t);
  const [first, second] = await Promise.all([engines.get(key), engines.get({ ...key })]);
  assert.equal(first, second);
  await rm(policy.directory, { recursive: true });
  assert.equal(await engines.get(key), first, 'nothing is read any more');
  assert.equal(made.length, 1);
  assert.equal(made[0]?.sha256, policy.model.sha256);
});

test('relative directories are resolved against the root', async (t) => {
  const { engines, key, made } = await holder(t);
  await engines.get({ ...key, model: key.model.slice(1) });
  assert.equal(made[0]?.directory, key.model);
});

test('a model that is not the coordinator’s gives one line that says what to do', async (t) => {
  const { policy, engines, key, made } = await holder(t);
  await damageWeights(policy.directory);
  await assert.rejects(engines.get(key), (error: unknown) => {
    assert.ok(error instanceof ModelError);
    assert.match(
      error.message,
      /: has weights with SHA-256 [0-9a-f]{12}…, the coordinator's have [0-9a-f]{12}…; give /,
    );
    assert.ok(error.message.startsWith(policy.directory) && !error.message.includes('\n'));
    return true;
  });
  assert.equal(made.length, 0);
  await damageWeights(policy.directory); // flips the same bit back
  assert.ok(await engines.get(key), 'a repaired directory is read again');
});

test('each way of computing has its own engine', async (t) => {
  const { engines, key, made } = await holder(t);
  await engines.get(key);
  await engines.get({ ...key, computation: { ...key.computation, precision: 'float16' } });
  assert.equal(made.length, 2);
});

test('the oldest engine is closed when a third run starts, and created again on request', async (t) => {
  const { engines, key, made, closed } = await holder(t);
  const [one, two, three] = [0, 1, 2].map((valueHeads) => ({ ...key, trainable: { ...tinyTrainable, valueHeads } }));
  assert.ok(one !== undefined && two !== undefined && three !== undefined);
  await engines.get(one);
  await engines.get(two);
  assert.deepEqual(closed, []);
  await engines.get(three);
  assert.deepEqual(closed, [one.trainable]);
  await engines.get(one);
  assert.equal(made.length, 4);
});
