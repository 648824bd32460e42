/** Trackers of a coordinator: they follow its runs, and never delay a step. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  createRunHeldAt,
  runYaml,
  startCoordinator,
  startWorld,
  train,
  until,
  reportsOf,
} from '../fixtures/world.fixture.js';
import { MlflowStandIn } from './mlflow/exchanges.fixture.js';
import { decodeTensorboardEvent } from './tensorboard/eventMessage.js';
import { readRecords } from './tensorboard/records.js';

const config = runYaml({ steps: 4 });

/** Returns the mean rewards of `short` in a run's event file, by step, in order. */
function rewardsIn(logs: string, id: string): [number, number][] {
  const [name = ''] = readdirSync(join(logs, id));
  const events = readRecords(readFileSync(join(logs, id, name))).records.map(decodeTensorboardEvent);
  return events.flatMap(({ step, values = [] }) =>
    values.flatMap((value): [number, number][] =>
      value.tag === 'rl.environment.reward.mean/short' && 'scalar' in value ? [[step, value.scalar]] : [],
    ),
  );
}

test('a run that another coordinator continues has every point once, and its points are its reports', async (t) => {
  const world = await startWorld(t);
  const logs = join(world.directory, 'logs');
  Object.assign(world.env, { TENSORBOARD_DIR: logs });
  const first = await startCoordinator(t, world);
  const release = await createRunHeldAt(first, world, config, 3);
  await first.stop(0);
  release();
  const second = await startCoordinator(t, world);
  await until(second, 'bandit', 'RUN_STATE_SUCCEEDED');
  const reports = await reportsOf(second, 'bandit');
  await second.stop();
  const expected = reports.map(({ step, objectives }) => [step, Math.fround(objectives[1]?.rewardMean ?? NaN)]);
  assert.deepEqual(rewardsIn(logs, 'bandit'), expected);
  const record = JSON.parse(readFileSync(join(world.directory, 'runs/bandit/trackers.json'), 'utf8')) as object;
  assert.deepEqual(Object.keys(record), [`TensorBoard ${logs}`]);

  // A run that has ended is not read again, unless the recorded position is gone.
  rmSync(join(logs, 'bandit'), { recursive: true });
  await (await startCoordinator(t, world)).stop();
  assert.equal(existsSync(join(logs, 'bandit')), false);
  writeFileSync(join(world.directory, 'runs/bandit/trackers.json'), '{ damaged');
  await (await startCoordinator(t, world)).stop();
  assert.deepEqual(rewardsIn(logs, 'bandit'), expected);
});

test('a server that hangs or fails, and a directory that cannot be written, delay no run', async (t) => {
  const mlflow = new MlflowStandIn([]);
  t.after(() => mlflow.close());
  mlflow.intervene = () => ({ status: 503, answer: { message: 'overloaded' } });
  const world = await startWorld(t);
  const blocked = join(world.directory, 'logs');
  writeFileSync(blocked, 'no directory');
  Object.assign(world.env, { TENSORBOARD_DIR: blocked, MLFLOW_TRACKING_URI: await mlflow.listen() });
  const coordinator = await startCoordinator(t, world);
  const warn = t.mock.method(coordinator.platform.log, 'warn', () => undefined);
  await train(coordinator, world, config);
  await coordinator.stop();
  const said = warn.mock.calls.map(({ arguments: [, text = ''] }) => String(text));
  assert.match(
    said.join('\n'),
    /run bandit is not recorded by MLflow .* responded with 503: overloaded; training continues/,
  );
  assert.match(
    said.join('\n'),
    /run bandit is not recorded by TensorBoard .*logs yet: .*(ENOTDIR|EEXIST).*; training continues/,
  );
  assert.equal(said.filter((text) => text.includes('503')).length, 1, 'the same problem is said once');

  rmSync(blocked);
  const { MLFLOW_TRACKING_URI: _, ...without } = world.env;
  await (await startCoordinator(t, { ...world, env: without })).stop();
  assert.deepEqual(rewardsIn(blocked, 'bandit').map(([step]) => step), [1, 2, 3, 4]); // prettier-ignore
});
