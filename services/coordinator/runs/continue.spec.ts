// Runs that resume automatically: after their coordinator ended, and after a fault of a service or worker.
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { injectFaults } from '@gapo/faults';
import { required } from '@gapo/numeric';
import { implement, RpcError, serve, type Run } from '@gapo/rpc';
import { gradientWorker } from '../fixtures/testPolicy.fixture.js';
import {
  createRun,
  createRunHeldAt,
  deadlineMs,
  getRun,
  reportsOf,
  rewardOf,
  runYaml,
  startAll,
  startCoordinator,
  startWorld,
  trainAlone,
  until,
  type Scorer,
  type TestCoordinator,
  type World,
} from '../fixtures/world.fixture.js';
import { diskFaultOf } from './diskFault.js';
import { pauseSeconds } from './recovery.js';
import type { RunRecord } from './runDirectory.js';

const config = runYaml({ steps: 4 });

/** Changes run.json to what a killed process might have left. */
async function editRecord(world: World, changes: Partial<RunRecord>, runId = 'bandit'): Promise<void> {
  const path = join(world.directory, 'runs', runId, 'run.json');
  const record = JSON.parse(await readFile(path, 'utf8')) as RunRecord;
  await writeFile(path, JSON.stringify({ ...record, continues: undefined, ...changes }));
}

/** Starts a world whose run `bandit` was active at step 3 when its coordinator ended. */
async function startInterrupted(t: Parameters<typeof startAll>[0], changes: Partial<RunRecord> = {}): Promise<World> {
  const { world, coordinator } = await startAll(t);
  const release = await createRunHeldAt(coordinator, world, config, 3);
  await coordinator.stop(0);
  release();
  await editRecord(world, { state: 'RUN_STATE_RUNNING', reason: '', ...changes });
  return world;
}

/** Follows a run until it waits for a fault to pass and a check has found why it has not. */
async function untilChecked({ client }: TestCoordinator): Promise<Run> {
  for await (const { run } of client.WatchRun({ runId: 'bandit' }, { deadlineMs })) {
    if (run?.recovery && run.recovery.problem !== '') return run;
  }
  throw new Error('the run ended');
}

test('a coordinator continues the runs that were active when the last one ended, and no others', async (t) => {
  const whole = await trainAlone(t, config);
  const { world, coordinator: first } = await startAll(t);
  const releases = [];
  for (const id of ['active', 'paused', 'asked', 'broken']) {
    releases.push(await createRunHeldAt(first, world, config, 3, id));
    if (id === 'paused') await first.client.PauseRun({ runId: id }, { deadlineMs });
  }
  await first.stop(0);
  for (const release of releases) release();
  const running = { state: 'RUN_STATE_RUNNING', reason: '' } as const;
  await editRecord(world, running, 'active');
  await editRecord(world, { ...running, requested: { transition: 'pause', reason: 'paused by a user' } }, 'asked');
  await editRecord(world, { ...running, baseDirectory: join(world.directory, 'gone') }, 'broken');

  const second = await startCoordinator(t, world);
  const ended = await until(second, 'active', 'RUN_STATE_SUCCEEDED');
  assert.equal(ended.versionSha256, whole.run.versionSha256);
  assert.match((await until(second, 'broken', 'RUN_STATE_FAILED')).reason, /gone.*does not exist/);
  for (const id of ['paused', 'asked']) {
    const { state, reason, recovery } = await getRun(second, id);
    assert.deepEqual([state, reason, recovery], ['RUN_STATE_PAUSED', 'paused by a user', null], id);
  }
});

test('a run that ended with its coordinator at each attempt is not continued, until a user resumes it', async (t) => {
  const world = await startInterrupted(t, { attempts: { step: 2, faults: 0, crashes: 3 } });
  const coordinator = await startCoordinator(t, world);
  const { state, reason } = await getRun(coordinator);
  assert.equal(state, 'RUN_STATE_FAILED');
  assert.match(
    reason,
    /and again each of the 3 times that it resumed the run after step 2; find the cause .* then resume the run/,
  );
  await coordinator.client.ResumeRun({ runId: 'bandit' }, { deadlineMs });
  await until(coordinator, 'bandit', 'RUN_STATE_SUCCEEDED');
});

test('attempts before the last step do not count', async (t) => {
  const world = await startInterrupted(t, { attempts: { step: 1, faults: 0, crashes: 3 } });
  await until(await startCoordinator(t, world), 'bandit', 'RUN_STATE_SUCCEEDED');
});

const failing: Scorer = () => {
  throw new RpcError('INTERNAL', 'not today');
};

test('a run that a reward service pauses resumes once the service scores again, and ends in the same bytes', async (t) => {
  const whole = await trainAlone(t, config);
  const { world, coordinator } = await startAll(t);
  const short = rewardOf(world, 'short');
  const good = short.answer;
  short.answer = (request, signal) => (request.items[0]?.id.startsWith('3.') ? failing : good)(request, signal);
  await createRun(coordinator, world, config);
  const { state, reason, step, recovery } = await untilChecked(coordinator);
  assert.deepEqual([state, step], ['RUN_STATE_PAUSED', 2]);
  assert.match(reason, /^objective short at .* fix the reward service; the run then resumes by itself$/);
  const { waitingFor, problem, attempts, maxAttempts } = required(recovery, 'the recovery');
  assert.equal(waitingFor, `reward short at ${short.address}`);
  assert.match(problem, /^no score for 3\.0\.0: INTERNAL: not today$/);
  assert.deepEqual([attempts, maxAttempts], [0, 10]);
  short.answer = good;
  const ended = await until(coordinator, 'bandit', 'RUN_STATE_SUCCEEDED');
  assert.equal(ended.versionSha256, whole.run.versionSha256);
  assert.deepEqual(
    (await reportsOf(coordinator, 'bandit')).map((report) => report.step),
    [1, 2, 3, 4],
  );
});

test('a run that continues waits for a reward service that starts at the same time', async (t) => {
  const { world, coordinator } = await startAll(t, { env: { REWARD_RETRY_SECONDS: '1' } });
  const release = await createRunHeldAt(coordinator, world, `${config}recovery: { resume: manual }`, 3);
  await coordinator.stop(0);
  release();
  const reward = rewardOf(world, 'short');
  await reward.stop();
  let calls = 0;
  const starting = implement('gapo.reward.v1.RewardService', {
    Describe: async () => {
      if (++calls <= 3) throw new RpcError('UNAVAILABLE', 'the model is being loaded');
      return { objective: 'short' };
    },
    Score: async (request, { signal }) => reward.answer(request, signal),
  });
  const server = await serve({ address: reward.address, services: [starting], shutdownGraceMs: 0 });
  t.after(() => server.stop());
  await until(await startCoordinator(t, world), 'bandit', 'RUN_STATE_SUCCEEDED');
});

test('a run that waits for a worker continues with the one that takes its place', async (t) => {
  const { world, coordinator } = await startAll(t, { env: { WORKER_WAIT_SECONDS: '0.2' } });
  const [gone] = world.gradients;
  const worker = required(gone, 'the worker');
  await worker.kill();
  await createRun(coordinator, world, config);
  const { recovery } = await untilChecked(coordinator);
  assert.equal(recovery?.waitingFor, 'a gradient worker');
  assert.equal(recovery.problem, `${worker.address} (connection refused)`);
  await gradientWorker(t, world.coordinator, undefined, worker.address);
  await until(coordinator, 'bandit', 'RUN_STATE_SUCCEEDED');
});

test('a user pauses, resumes and cancels a run that waits', async (t) => {
  const { world, coordinator } = await startAll(t);
  const { client } = coordinator;
  const short = rewardOf(world, 'short');
  const good = short.answer;
  short.answer = failing;
  await createRun(coordinator, world, config);
  await until(coordinator, 'bandit', 'RUN_STATE_PAUSED');
  const { run: held } = await client.PauseRun({ runId: 'bandit' }, { deadlineMs });
  assert.deepEqual([held?.state, held?.reason, held?.recovery], ['RUN_STATE_PAUSED', 'paused by a user', null]);
  await client.ResumeRun({ runId: 'bandit' }, { deadlineMs });
  await until(coordinator, 'bandit', 'RUN_STATE_PAUSED');
  short.answer = good;
  await client.ResumeRun({ runId: 'bandit' }, { deadlineMs });
  await until(coordinator, 'bandit', 'RUN_STATE_SUCCEEDED');
  short.answer = failing;
  await createRun(coordinator, world, config, 'other');
  await until(coordinator, 'other', 'RUN_STATE_PAUSED');
  const { run: cancelled } = await client.CancelRun({ runId: 'other' }, { deadlineMs });
  assert.deepEqual([cancelled?.state, cancelled?.recovery], ['RUN_STATE_CANCELLED', null]);
});

test('a run that waits when its coordinator stops continues with the next one', async (t) => {
  const { world, coordinator } = await startAll(t);
  const short = rewardOf(world, 'short');
  const good = short.answer;
  short.answer = failing;
  await createRun(coordinator, world, config);
  await until(coordinator, 'bandit', 'RUN_STATE_PAUSED');
  await coordinator.stop();
  short.answer = good;
  await until(await startCoordinator(t, world), 'bandit', 'RUN_STATE_SUCCEEDED');
});

test('the attempts at one step, and the time of a wait, are bounded', async (t) => {
  const world = await startWorld(t);
  const coordinator = await startCoordinator(t, world);
  const short = rewardOf(world, 'short');
  const good = short.answer;
  // Its check passes: it scores a single item, but not the items of a step.
  short.answer = (request, signal) => (request.items.length === 1 ? good : failing)(request, signal);
  await createRun(coordinator, world, runYaml({ extra: 'recovery: { attempts: 1 }' }));
  const reasonOf = async (runId: string): Promise<string> => {
    for await (const { run } of coordinator.client.WatchRun({ runId }, { deadlineMs }))
      if (run?.state === 'RUN_STATE_PAUSED' && run.recovery === null) return run.reason;
    throw new Error('the run ended');
  };
  assert.match(await reasonOf('bandit'), /, then resume the run \(the coordinator resumed it once at this step\)$/);
  short.answer = failing;
  await createRun(coordinator, world, runYaml({ extra: 'recovery: { hours: 0.0001 }' }), 'slow');
  assert.match(await reasonOf('slow'), /, then resume the run \(the coordinator waited 0\.0001 h\)$/);
  await createRun(coordinator, world, runYaml({ extra: 'recovery: { resume: manual }' }), 'manual');
  assert.match(await reasonOf('manual'), /fix the reward service, then resume the run$/);
  assert.deepEqual([0, 1, 5, 6, 100].map(pauseSeconds), [1, 2, 32, 60, 60]);
});

test('a full disk is a fault that is over once a file can be written', async (t) => {
  const { directory } = await startWorld(t);
  const full = Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
  const { waitingFor, check } = required(
    diskFaultOf(new Error('cannot be written', { cause: full }), directory),
    'fault',
  );
  assert.equal(waitingFor, `the disk of ${directory}`);
  await check(new AbortController().signal);
  assert.equal(diskFaultOf(new Error('anything else'), directory), undefined);
});

test('a step whose report could not be written is reported once, when the disk has room', async (t) => {
  const { world, coordinator } = await startAll(t);
  injectFaults('file.append[steps.jsonl]=error:ENOSPC@3');
  t.after(() => void injectFaults(''));
  await createRun(coordinator, world, config);
  const [steps, states]: [number[], string[]] = [[], []];
  for await (const { run, step } of coordinator.client.WatchRun({ runId: 'bandit' }, { deadlineMs })) {
    if (run) states.push(run.state);
    if (step) steps.push(step.step);
  }
  assert.ok(states.includes('RUN_STATE_PAUSED'), states.join());
  assert.equal(states.at(-1), 'RUN_STATE_SUCCEEDED');
  assert.deepEqual(steps, [1, 2, 3, 4]);
});
