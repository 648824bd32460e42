// Averages of runs: their parameters, that they behave like other runs, and which runs cannot be averaged.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { readSafetensors } from '@gapo/model';
import { at, required } from '@gapo/numeric';
import {
  createRun,
  deadlineMs,
  getRun,
  runYaml,
  startAll,
  startCoordinator,
  until,
} from '../fixtures/world.fixture.js';

const only = (objective: string): string =>
  runYaml({ steps: 5, extra: `combine: { method: single, objective: ${objective} }` });

async function logitsOf(checkpoint: string): Promise<Float32Array> {
  const tensors = await readSafetensors(join(checkpoint, 'adapter_model.safetensors'));
  return required(
    tensors.find(({ name }) => name.includes('lora_B')),
    'the tensor lora_B',
  ).data;
}

test('an average is the weighted mean of the newest versions, can be evaluated, and survives a restart', async (t) => {
  const { world, coordinator } = await startAll(t);
  const { client } = coordinator;
  for (const id of ['letters', 'short']) await createRun(coordinator, world, only(id), id);
  const [letters, short] = [
    await until(coordinator, 'letters', 'RUN_STATE_SUCCEEDED'),
    await until(coordinator, 'short', 'RUN_STATE_SUCCEEDED'),
  ];
  const checked = { ingredients: { letters: 1, short: 1 }, runId: 'soup', validateOnly: true };
  assert.equal((await client.CreateSoup(checked, { deadlineMs })).run, null);
  await assert.rejects(client.GetRun({ runId: 'soup' }, { deadlineMs }), /NOT_FOUND/);
  const { run } = await client.CreateSoup({ ingredients: { letters: 3, short: 1 }, runId: 'soup' }, { deadlineMs });
  assert.ok(run);
  assert.deepEqual([run.state, run.step, run.totalSteps], ['RUN_STATE_SUCCEEDED', 5, 5]);
  assert.deepEqual(run.ingredients, { letters: 0.75, short: 0.25 });
  const [a, b] = [await logitsOf(letters.checkpoint), await logitsOf(short.checkpoint)];
  const mixed = await logitsOf(run.checkpoint);
  mixed.forEach((value, i) => assert.ok(Math.abs(value - (0.75 * at(a, i) + 0.25 * at(b, i))) < 1e-6));
  assert.equal(await readFile(join(run.checkpoint, '../../config.yaml'), 'utf8'), only('letters'));
  const { run: named } = await client.CreateSoup({ ingredients: { soup: 1, short: 0 } }, { deadlineMs });
  assert.match(named?.id ?? '', /^soup-\d{8}-\d{6}$/);
  assert.equal(named?.versionSha256, run.versionSha256, 'an average of averages');
  await coordinator.stop();

  const second = await startCoordinator(t, world);
  const found = await getRun(second, 'soup');
  assert.deepEqual([found.ingredients, found.versionSha256], [run.ingredients, run.versionSha256]);
  let means: (number | undefined)[] = [];
  for await (const { report } of second.client.EvaluateRun({ runId: 'soup' }, { deadlineMs })) {
    if (report) means = report.objectives.map(({ after }) => after?.mean);
  }
  assert.equal(means.length, 2);
  assert.ok(means.every(Number.isFinite));
});

test('runs that cannot be averaged are refused with the reason', async (t) => {
  const { world, coordinator } = await startAll(t);
  const { client } = coordinator;
  const base = runYaml({ steps: 1 });
  const runs = {
    one: base,
    seed: base.replace('seed: 7', 'seed: 8'),
    rank: base.replace('rank: 1', 'rank: 2'),
    critics: runYaml({ steps: 1, extra: 'ppo: { advantages: gae }' }),
  };
  for (const [id, config] of Object.entries(runs)) await createRun(coordinator, world, config, id);
  for (const id of Object.keys(runs)) await until(coordinator, id, 'RUN_STATE_SUCCEEDED');
  const refused = (ingredients: Record<string, number>, what: RegExp): Promise<void> =>
    assert.rejects(client.CreateSoup({ ingredients, runId: 'soup' }, { deadlineMs }), what);
  const check = { ingredients: { one: 1, rank: 1 }, validateOnly: true };
  await assert.rejects(client.CreateSoup(check, { deadlineMs }), /their adapters have ranks 1 and 2/);
  await refused({}, /INVALID_ARGUMENT.*there are none/s);
  await refused({ one: -1 }, /INVALID_ARGUMENT.*the weight of one is -1/s);
  await refused({ one: 0 }, /INVALID_ARGUMENT.*sum to 0/s);
  await refused({ one: 1, nobody: 1 }, /NOT_FOUND.*there is no run "nobody"/s);
  await refused(
    { one: 1, seed: 1 },
    /run seed cannot be averaged with run one: they started from .*\(seeds 7 and 8\)/s,
  );
  await refused({ one: 1, rank: 1 }, /their adapters have ranks 1 and 2/);
  await refused({ one: 1, critics: 1 }, /they trained different tensors/);
  await assert.rejects(client.GetRun({ runId: 'soup' }, { deadlineMs }), /NOT_FOUND/);
});
