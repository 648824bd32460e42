// Changes of goals: which one applies, when it takes effect, that it survives restarts, and what is refused.
import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { parseRunConfig } from '@gapo/config';
import { connectEvents, type CloudEvent } from '@gapo/events';
import { RpcError } from '@gapo/rpc';
import {
  createRun,
  createRunHeldAt,
  deadlineMs,
  holdAt,
  reportsOf,
  runYaml,
  startAll,
  startCoordinator,
  startWorld,
  until,
  untilStep,
} from '../fixtures/world.fixture.js';
import { combineOptions } from '../step/updates/combination.js';
import { goalsOf, configAt, type GoalChange } from './goals.js';
import { initialCombination } from './trainingState.js';

const config = runYaml({
  steps: 6,
  extra: 'combine: { method: linear, weights: { letters: 1, short: 0 } }\ncheckpoints: { every: 2 }',
});

const parsed = parseRunConfig(config, 'run.yaml', undefined);

/** A change to the first objective alone, with the given preference. */
function change(step: number, letters: number): GoalChange {
  const before = goalsOf(parsed, step);
  const after = { objectives: before.objectives.slice(0, 1), preference: { letters } };
  return { step, author: 'me', at: '2025-01-31T12:00:00.000Z', before, after };
}

test('the newest change that applies to a step wins', () => {
  assert.equal(configAt(parsed, [], 3), parsed);
  const changes = [change(4, 1), change(10, 2), change(6, 3)];
  const at = (step: number): unknown => goalsOf(configAt(parsed, changes, step), step).preference;
  assert.deepEqual([3, 4, 5, 6, 10, 99].map(at), [
    { letters: 1, short: 0 },
    ...[1, 1, 3, 3, 3].map((letters) => ({ letters })),
  ]);
});

test('a preference that was set overrides the configured schedule', () => {
  const schedule = '{ letters: { 0: 0, 10: 1 }, short: { 0: 1, 10: 0 } }';
  const scheduled = parseRunConfig(
    runYaml({ extra: `combine: { method: dualproj, preference: ${schedule} }` }),
    'run.yaml',
    undefined,
  );
  const { objectives, preference } = goalsOf(scheduled, 5);
  assert.deepEqual(preference, { letters: 0.5, short: 0.5 });
  const set = { ...change(5, 1), after: { objectives, preference: { short: 3, letters: 1 } } };
  const options = combineOptions(configAt(scheduled, [set], 7), {
    step: 7,
    state: initialCombination(scheduled),
    noonAdvantages: [],
    losses: [],
  });
  assert.deepEqual(options, { method: 'dualproj', preference: Float64Array.of(0.25, 0.75) });
});

test('a change takes effect at the next step, is published and shown, and survives a restart bit for bit', async (t) => {
  const bus = await connectEvents({ source: 'gapo/coordinator', inProcess: true });
  t.after(() => bus.close());
  const world = await startWorld(t);
  const coordinator = await startCoordinator(t, world, bus);
  const { client } = coordinator;
  const { reached, release } = holdAt(world, 3);
  const created = await createRun(coordinator, world, config);
  assert.deepEqual(created.preference, { letters: 1, short: 0 });
  await reached;
  const preference = { letters: 0.25, short: 0.5 };
  const request = { runId: 'bandit', preference, author: 'Ada' };
  const { run, firstStep, before } = await client.SetPreference(request, { deadlineMs });
  assert.deepEqual([run?.preference, firstStep, before], [preference, 4, { letters: 1, short: 0 }]);
  release();
  const ended = await until(coordinator, 'bandit', 'RUN_STATE_SUCCEEDED');
  const weights = (await reportsOf(coordinator, 'bandit')).map(({ objectives }) => objectives.map((o) => o.weight));
  assert.deepEqual(
    weights,
    [1, 2, 3, 4, 5, 6].map((step) => (step < 4 ? [1, 0] : [0.25, 0.5])),
  );
  const published: CloudEvent[] = [];
  for await (const event of bus.replay('bandit')) {
    if (event.type === 'gapo.v1.preference') published.push(event);
  }
  assert.deepEqual(
    published.map(({ data }) => data),
    [{ step: 4, author: 'Ada', before: { letters: 1, short: 0 }, after: preference }],
  );
  await assert.rejects(
    client.SetPreference({ runId: 'bandit', preference, author: 'Ada' }, { deadlineMs }),
    /FAILED_PRECONDITION.*no step is left/s,
  );

  // The same run: its process ends in the middle of step 5, and the checkpoint of step 4 is lost.
  const other = await startWorld(t);
  const first = await startCoordinator(t, other);
  const releaseThird = await createRunHeldAt(first, other, config, 3);
  await first.client.SetPreference({ runId: 'bandit', preference, author: 'Ada' }, { deadlineMs });
  const fifth = holdAt(other, 5);
  releaseThird();
  await untilStep(first, 'bandit', 4);
  await fifth.reached;
  await first.stop(0);
  fifth.release();
  await rm(join(other.directory, 'runs', 'bandit', 'checkpoints', 'step-000004'), { recursive: true });
  const second = await startCoordinator(t, other);
  const resumed = await until(second, 'bandit', 'RUN_STATE_SUCCEEDED');
  assert.equal(resumed.versionSha256, ended.versionSha256);
  assert.deepEqual(resumed.preference, preference);
});

test('an invalid preference is refused', async (t) => {
  const { world, coordinator } = await startAll(t);
  const { client } = coordinator;
  await createRun(coordinator, world, config);
  const refused = (preference: Record<string, number>, what: RegExp): Promise<void> =>
    assert.rejects(
      client.SetPreference({ runId: 'bandit', preference, author: 'me' }, { deadlineMs }),
      (error) => error instanceof RpcError && error.code === 'INVALID_ARGUMENT' && what.test(error.details),
    );
  await refused({ letters: 1 }, /short is missing/);
  await refused({ letters: 1, short: -1, long: 2 }, /long is not an objective of this run; short is -1/);
  await refused({ letters: Number.NaN, short: 1 }, /letters is NaN/);
  await refused({ letters: 0, short: 0 }, /every number is 0/);
  await until(coordinator, 'bandit', 'RUN_STATE_SUCCEEDED');
  await createRun(coordinator, world, runYaml({ steps: 1 }), 'gapo');
  await assert.rejects(
    client.SetPreference({ runId: 'gapo', preference: { letters: 1, short: 1 }, author: 'me' }, { deadlineMs }),
    /FAILED_PRECONDITION.*uses the method gapo, which takes no preference; methods that do: pgapo, linear/s,
  );
});
