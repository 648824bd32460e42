// Failures around a run: each leads to the documented state, with a reason to act on and a way to resume.
import assert from 'node:assert/strict';
import { readdir, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { at } from '@gapo/numeric';
import { RpcError, type RpcCode } from '@gapo/rpc';
import {
  count,
  createRun,
  deadlineMs,
  rewardOf,
  runYaml,
  scoring,
  startAll,
  startCoordinator,
  startWorld,
  train,
  until,
  usualScorers,
} from '../fixtures/world.fixture.js';

test('a run pauses if dropping leaves too few completions', async (t) => {
  const { world, coordinator } = await startAll(t, {
    scorers: { ...usualScorers, letters: scoring(() => Number.NaN) },
  });
  await createRun(coordinator, world, runYaml({ objectives: ['{ name: letters, onFailure: drop }', 'short'] }));
  const paused = await until(coordinator, 'bandit', 'RUN_STATE_PAUSED');
  const { address } = rewardOf(world, 'letters');
  assert.equal(
    paused.reason,
    'step 1: too few of 32 completions have a score from every objective: ' +
      `objective letters at ${address} has no score for 32 of 32 completions of step 1 (1.0.0: the score is NaN); ` +
      'fix the reward service; the run then resumes by itself',
  );
});

test('without any worker the run pauses, and the reason names their addresses', async (t) => {
  const { world, coordinator } = await startAll(t, { env: { WORKER_WAIT_SECONDS: '0.2' } });
  const gone = at(world.gradients, 0);
  await gone.kill();
  await createRun(coordinator, world, runYaml());
  // On a busy machine the run may pause before the rollout worker is called; it then resumes
  // automatically.
  const named = `no gradient worker has answered for 0.2 s: ${gone.address} (`;
  for await (const { run } of coordinator.client.WatchRun({ runId: 'bandit' }, { deadlineMs })) {
    if (run?.state === 'RUN_STATE_PAUSED' && run.reason.startsWith(named)) return;
  }
  assert.fail('the run ended');
});

test('a worker that refuses a job fails the run with its message', async (t) => {
  const { world, coordinator } = await startAll(t, {
    gradients: [
      () => {
        throw new RpcError('FAILED_PRECONDITION', 'model/model.safetensors has another SHA-256 here; copy it again');
      },
    ],
  });
  await createRun(coordinator, world, runYaml());
  const failed = await until(coordinator, 'bandit', 'RUN_STATE_FAILED');
  assert.match(
    failed.reason,
    /GradientService\/LogProbs at 127\.0\.0\.1:\d+: FAILED_PRECONDITION: model\/model\.safetensors has another/,
  );
});

test('an invalid new run is refused immediately, and nothing is written', async (t) => {
  const { world, coordinator } = await startAll(t);
  const refused = async (configYaml: string, code: RpcCode, message: RegExp, runId = 'bandit'): Promise<void> => {
    await assert.rejects(createRun(coordinator, world, configYaml, runId), (error) => {
      assert.ok(error instanceof RpcError);
      assert.equal(error.code, code);
      assert.match(error.details, message);
      return true;
    });
    assert.deepEqual(await readdir(join(world.directory, 'runs')), ['.lease']);
  };
  await refused(`${runYaml()}\nmystery: 1`, 'INVALID_ARGUMENT', /^run\.yaml:\d+:1 mystery: found unknown key/);
  const named = { configYaml: 'mystery: 1', configName: 'mine.yaml', baseDirectory: world.directory };
  await assert.rejects(
    coordinator.client.CreateRun(named, { deadlineMs }),
    /mine\.yaml:1:1 mystery: found unknown key/,
  );
  await refused(runYaml({ steps: 0 }), 'INVALID_ARGUMENT', /steps: found number 0, expected an integer of at least 1/);
  await refused(runYaml().replace('model: model', 'model: absent'), 'INVALID_ARGUMENT', /absent: does not exist/);
  await refused(runYaml().replace('train.jsonl', 'absent.jsonl'), 'INVALID_ARGUMENT', /absent\.jsonl: does not exist/);
  await refused(runYaml(), 'INVALID_ARGUMENT', /run_id: found "\.\.\/x", expected a word/, '../x');
  await rewardOf(world, 'short').stop();
  await refused(runYaml(), 'INVALID_ARGUMENT', /reward service of short at 127\.0\.0\.1:\d+ does not answer: /);
  await truncate(join(world.directory, 'model', 'model.safetensors'), 500);
  await refused(runYaml(), 'INVALID_ARGUMENT', /model\.safetensors: .*(cut short|ends)/);
});

test('a run’s id is unique', async (t) => {
  const { world, coordinator } = await startAll(t);
  await createRun(coordinator, world, runYaml());
  await assert.rejects(
    createRun(coordinator, world, runYaml()),
    (error) => error instanceof RpcError && error.code === 'ALREADY_EXISTS',
  );
  const { id } = await createRun(coordinator, world, runYaml(), '');
  assert.match(id, /^bandit-\d{8}-\d{6}$/);
});

test('an unknown run is NOT_FOUND, and a run that has ended cannot be resumed or paused', async (t) => {
  const world = await startWorld(t);
  const { client, ...coordinator } = await startCoordinator(t, world);
  await createRun({ client }, world, runYaml({ steps: 1 }));
  await until({ client }, 'bandit', 'RUN_STATE_SUCCEEDED');
  await assert.rejects(client.GetRun({ runId: 'bandit-2' }, { deadlineMs }), /no run "bandit-2"; there is bandit/);
  for (const call of [client.ResumeRun, client.PauseRun, client.CancelRun]) {
    await assert.rejects(
      call({ runId: 'bandit' }, { deadlineMs }),
      (error) =>
        error instanceof RpcError && error.code === 'FAILED_PRECONDITION' && /is succeeded/.test(error.details),
    );
  }
  await coordinator.stop();
});

test('an objective whose rewards are all equal has a zero gradient and does not fail the run', async (t) => {
  const { world, coordinator } = await startAll(t, {
    scorers: { letters: scoring(() => 1), short: scoring(count('b')) },
  });
  const { reports } = await train(coordinator, world, runYaml({ steps: 2 }));
  const { objectives, stationarity } = at(reports, 0);
  assert.deepEqual([objectives[0]?.gradientNorm, stationarity], [0, 0]);
});
