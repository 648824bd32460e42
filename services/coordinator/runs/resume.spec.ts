// Pauses, stops and resumptions: an interrupted run ends in the same bytes as an uninterrupted one.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { appendFile, mkdir, readdir, readFile, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { type CloudEvent, connectEvents } from '@gapo/events';
import { at } from '@gapo/numeric';
import { RpcError, type Run, type StepReport } from '@gapo/rpc';
import {
  createRun,
  createRunHeldAt,
  deadlineMs,
  getRun,
  holdAt,
  reportsOf,
  runYaml,
  startAll,
  startCoordinator,
  startWorld,
  train,
  trainAlone,
  until,
  untilStep,
  type World,
} from '../fixtures/world.fixture.js';
import { RunDirectory, type RunRecord } from './runDirectory.js';
import { StepLog } from './stepLog.js';

/** The part of a report that must not depend on interruptions. */
const numbers = ({ step, objectives, kl, updateNorm, tokens }: StepReport): unknown => [
  step,
  objectives.map(({ rewardMean, weight, alpha, progress }) => [rewardMean, weight, alpha, progress]),
  [kl, updateNorm, tokens],
];

/**
 * The options that keep the most state: critics, an adaptive controller, a schedule, several
 * epochs.
 */
const config = runYaml({
  steps: 6,
  extra: [
    'ppo: { advantages: gae, epochs: 2 }',
    'kl: { controller: { kind: adaptive, target: 0.5, horizon: 100 } }',
    'checkpoints: { every: 100 }',
  ].join('\n'),
}).replace('learningRate: 0.1', 'learningRate: 0.1, schedule: cosine, warmupSteps: 2');

/** Returns the record of the run `bandit`. */
function recordOf({ directory }: World): RunRecord {
  return new RunDirectory(join(directory, 'runs', 'bandit'), { assertHeld: () => undefined }).readRecord();
}

test('a pause takes effect after the step in progress, and the run resumes bit for bit', async (t) => {
  const whole = await trainAlone(t, config);
  const { world, coordinator } = await startAll(t);
  const { client } = coordinator;
  const release = await createRunHeldAt(coordinator, world, config, 3);
  const { run: pausing } = await client.PauseRun({ runId: 'bandit' }, { deadlineMs });
  assert.deepEqual(
    [pausing?.state, pausing?.reason],
    ['RUN_STATE_RUNNING', 'pause requested: stops after the step in progress'],
  );
  release();
  const paused = await until(coordinator, 'bandit', 'RUN_STATE_PAUSED');
  assert.deepEqual([paused.step, paused.reason], [3, 'paused by a user']);
  assert.equal((await client.PauseRun({ runId: 'bandit' }, { deadlineMs })).run?.state, 'RUN_STATE_PAUSED');
  await client.ResumeRun({ runId: 'bandit' }, { deadlineMs });
  const ended = await until(coordinator, 'bandit', 'RUN_STATE_SUCCEEDED');
  assert.equal(ended.versionSha256, whole.run.versionSha256);
  assert.deepEqual((await reportsOf(coordinator, 'bandit')).map(numbers), whole.reports.map(numbers));
  const file = (run: Run): Promise<Buffer> => readFile(join(run.checkpoint, 'optimizer.safetensors'));
  assert.ok((await file(ended)).equals(await file(whole.run)), 'the moments are equal too');
});

test('a coordinator that stops pauses its runs, and the next one continues them', async (t) => {
  const whole = await trainAlone(t, config);
  const { world, coordinator: first } = await startAll(t);
  const release = await createRunHeldAt(first, world, config, 4);
  const stopping = first.stop(5000);
  release();
  await stopping;
  const directory = join(world.directory, 'runs', 'bandit');
  await appendFile(join(directory, 'steps.jsonl'), '{"step":5,"obj'); // as if a crash had truncated it

  const { state, reason } = recordOf(world);
  assert.deepEqual([state, reason], ['RUN_STATE_PAUSED', 'coordinator stopped']);

  const second = await startCoordinator(t, world);
  const { runs } = await second.client.ListRuns({}, { deadlineMs });
  assert.deepEqual(
    runs.map(({ id }) => id),
    ['bandit'],
  );
  assert.match(at(runs, 0).versionSha256, /^[0-9a-f]{64}$/);
  const ended = await until(second, 'bandit', 'RUN_STATE_SUCCEEDED');
  assert.equal(ended.versionSha256, whole.run.versionSha256);
  assert.deepEqual((await reportsOf(second, 'bandit')).map(numbers), whole.reports.map(numbers));
  const log = new StepLog(new RunDirectory(directory, { assertHeld: () => undefined }));
  assert.deepEqual([...log.after(0)].map(numbers), whole.reports.map(numbers));
});

test('a step that exceeds the grace period is aborted, and repeated after resuming', async (t) => {
  const whole = await trainAlone(t, config);
  const { world, coordinator: first } = await startAll(t);
  const release = await createRunHeldAt(first, world, config, 2);
  await first.stop(50);
  release();
  const { state, reason } = recordOf(world);
  assert.deepEqual([state, reason], ['RUN_STATE_PAUSED', 'coordinator stopped']);
  const second = await startCoordinator(t, world);
  const ended = await until(second, 'bandit', 'RUN_STATE_SUCCEEDED');
  assert.equal(ended.versionSha256, whole.run.versionSha256);
});

test('cancelling aborts the step in progress and is final', async (t) => {
  const { world, coordinator } = await startAll(t);
  const { client } = coordinator;
  const release = await createRunHeldAt(coordinator, world, config, 2);
  const { run } = await client.CancelRun({ runId: 'bandit' }, { deadlineMs });
  assert.deepEqual([run?.state, run?.step], ['RUN_STATE_CANCELLED', 1]);
  assert.match(run?.checkpoint ?? '', /step-000001$/);
  assert.equal((await client.CancelRun({ runId: 'bandit' }, { deadlineMs })).run?.state, 'RUN_STATE_CANCELLED');
  await assert.rejects(
    client.ResumeRun({ runId: 'bandit' }, { deadlineMs }),
    (error) => error instanceof RpcError && error.code === 'FAILED_PRECONDITION',
  );
  release();
});

test('a run that was paused before its first checkpoint resumes from the start', async (t) => {
  const whole = await trainAlone(t, config);
  const { world, coordinator: first } = await startAll(t);
  const release = await createRunHeldAt(first, world, config, 1);
  await first.stop(0);
  release();
  const second = await startCoordinator(t, world);
  assert.equal((await until(second, 'bandit', 'RUN_STATE_SUCCEEDED')).versionSha256, whole.run.versionSha256);
});

test('a run whose configuration was changed on disk does not resume', async (t) => {
  const { world, coordinator: first } = await startAll(t);
  const release = await createRunHeldAt(first, world, config, 3);
  await first.stop(0);
  release();
  const path = join(world.directory, 'runs', 'bandit', 'config.yaml');
  await writeFile(path, (await readFile(path, 'utf8')).replace('seed: 7', 'seed: 8'));
  const second = await startCoordinator(t, world);
  assert.match((await until(second, 'bandit', 'RUN_STATE_FAILED')).reason, /written with another configuration/);
  await assert.rejects(
    second.client.ResumeRun({ runId: 'bandit' }, { deadlineMs }),
    /written with another configuration/,
  );
});

test('a watcher receives the state, the steps after the one that it names, and all later changes once', async (t) => {
  const { world, coordinator } = await startAll(t);
  const held = holdAt(world, 4);
  await createRun(coordinator, world, config);
  await untilStep(coordinator, 'bandit', 3);
  await held.reached;
  const received: string[] = [];
  for await (const { run, step } of coordinator.client.WatchRun({ runId: 'bandit', afterStep: 1 }, { deadlineMs })) {
    if (run) received.push(run.state);
    if (step) received.push(`step ${step.step}`);
    if (step?.step === 3) held.release();
  }
  assert.deepEqual(received, [
    'RUN_STATE_RUNNING',
    'step 2',
    'step 3',
    'step 4',
    'step 5',
    'step 6',
    'RUN_STATE_SUCCEEDED',
  ]);
});

test('every change of state, step, part of a step and checkpoint is one event', async (t) => {
  const world = await startWorld(t);
  const bus = await connectEvents({ source: 'gapo/coordinator', inProcess: true });
  const coordinator = await startCoordinator(t, world, bus);
  const { client } = coordinator;
  const release = await createRunHeldAt(coordinator, world, runYaml({ steps: 3 }), 2);
  await client.PauseRun({ runId: 'bandit' }, { deadlineMs });
  release();
  await until(coordinator, 'bandit', 'RUN_STATE_PAUSED');
  await client.ResumeRun({ runId: 'bandit' }, { deadlineMs });
  await until(coordinator, 'bandit', 'RUN_STATE_SUCCEEDED');
  const events: CloudEvent[] = [];
  for await (const event of bus.replay('bandit')) events.push(event);
  const ofKind = (kind: string): string[] =>
    events.filter(({ type }) => type === `gapo.v1.${kind}`).map(({ id }) => id.slice(`bandit/${kind}/`.length));
  assert.deepEqual(ofKind('state'), ['1', '2', '3', '4', '5']);
  assert.deepEqual(ofKind('step'), ['1', '2', '3']);
  assert.deepEqual(ofKind('checkpoint'), ['2', '3']);
  assert.deepEqual(ofKind('rollout').sort(), [
    '1.0.0',
    '1.1.0',
    '1.2.0',
    '2.0.0',
    '2.1.0',
    '2.2.0',
    '3.0.1',
    '3.1.1',
    '3.2.1',
  ]);
  assert.deepEqual(ofKind('reward').sort(), [
    '1.letters.0',
    '1.short.0',
    '2.letters.0',
    '2.short.0',
    '3.letters.1',
    '3.short.1',
  ]);
  assert.equal(ofKind('gradient').length, 9);
  assert.equal(bus.stats().refused, 0);
  await coordinator.stop();
  await bus.close();
});

test('a run whose state cannot be written is not resumed, and stays as it is', async (t) => {
  const { world, coordinator } = await startAll(t);
  const { client } = coordinator;
  const release = await createRunHeldAt(coordinator, world, config, 2);
  await client.PauseRun({ runId: 'bandit' }, { deadlineMs });
  release();
  await until(coordinator, 'bandit', 'RUN_STATE_PAUSED');
  // A rename cannot replace a directory, so this fails as a full disk would.
  const record = join(world.directory, 'runs', 'bandit', 'run.json');
  await rename(record, `${record}.kept`);
  await mkdir(join(record, 'inside'), { recursive: true });
  await assert.rejects(
    client.ResumeRun({ runId: 'bandit' }, { deadlineMs }),
    (error) =>
      error instanceof RpcError &&
      error.code === 'FAILED_PRECONDITION' &&
      error.details.includes(`${record}: cannot be written`),
  );
  assert.equal((await getRun(coordinator)).state, 'RUN_STATE_PAUSED');
  await rm(record, { recursive: true });
  await rename(`${record}.kept`, record);
  await client.ResumeRun({ runId: 'bandit' }, { deadlineMs });
  await until(coordinator, 'bandit', 'RUN_STATE_SUCCEEDED');
});

test('a damaged checkpoint is refused by name, and the run continues from the previous one', async (t) => {
  const whole = await trainAlone(t, config);
  const { world, coordinator: first } = await startAll(t);
  const release = await createRunHeldAt(first, world, config, 5);
  await first.stop(0);
  release();
  const checkpoints = join(world.directory, 'runs', 'bandit', 'checkpoints');
  const names = async (): Promise<string[]> => (await readdir(checkpoints)).sort();
  assert.deepEqual(await names(), ['step-000003', 'step-000004']);
  await truncate(join(checkpoints, 'step-000004', 'optimizer.safetensors'), 100);

  const bus = await connectEvents({ source: 'gapo/coordinator', inProcess: true });
  t.after(() => bus.close());
  const second = await startCoordinator(t, world, bus);
  const again = holdAt(world, 5);
  await second.client.ResumeRun({ runId: 'bandit' }, { deadlineMs });
  await again.reached;
  const { reason } = await getRun(second);
  const expected =
    /^checkpoint .*step-000004 is damaged: optimizer\.safetensors has SHA-256 .*; continues from step 3$/;
  assert.match(reason, expected);
  assert.deepEqual(await names(), ['damaged-step-000004', 'step-000003', 'step-000004']);
  again.release();
  const ended = await until(second, 'bandit', 'RUN_STATE_SUCCEEDED');
  assert.equal(ended.versionSha256, whole.run.versionSha256);
  assert.deepEqual((await reportsOf(second, 'bandit')).map(numbers), whole.reports.map(numbers));
  const reasons: string[] = [];
  for await (const { data } of bus.replay('bandit')) if ('reason' in data) reasons.push(data.reason ?? '');
  assert.ok(reasons.some((each) => expected.test(each)));
});

test('a run does not start over because every checkpoint is damaged', async (t) => {
  const { world, coordinator } = await startAll(t);
  const release = await createRunHeldAt(coordinator, world, config, 3);
  await coordinator.stop(0);
  release();
  const checkpoints = join(world.directory, 'runs', 'bandit', 'checkpoints');
  for (const name of await readdir(checkpoints)) await rm(join(checkpoints, name, 'state.json'));
  const second = await startCoordinator(t, world);
  const problem = /every checkpoint of run bandit is damaged: .*step-000002.*step-000001.*; restore one, or remove /;
  assert.match((await until(second, 'bandit', 'RUN_STATE_FAILED')).reason, problem);
  await assert.rejects(second.client.ResumeRun({ runId: 'bandit' }, { deadlineMs }), problem);
});

test('a run whose files are damaged is listed with the reason, and does not disturb others', async (t) => {
  const world = await startWorld(t);
  const first = await startCoordinator(t, world);
  await train(first, world, runYaml({ steps: 1 }), 'whole');
  await train(first, world, runYaml({ steps: 2 }), 'damaged');
  await first.stop();
  const steps = join(world.directory, 'runs', 'damaged', 'steps.jsonl');
  const [, second = ''] = (await readFile(steps, 'utf8')).split('\n');
  await writeFile(steps, `{"step": 1, "obj\n${second}\n`);
  // Reading a pipe would block forever.
  const pipe = join(world.directory, 'runs', 'pipe', 'run.json');
  await mkdir(dirname(pipe));
  execFileSync('mkfifo', [pipe]);

  const { client } = await startCoordinator(t, world);
  const { runs } = await client.ListRuns({}, { deadlineMs });
  assert.deepEqual(
    runs.map(({ id, state }) => [id, state]),
    [
      ['whole', 'RUN_STATE_SUCCEEDED'],
      ['damaged', 'RUN_STATE_FAILED'],
      ['pipe', 'RUN_STATE_FAILED'],
    ],
  );
  assert.match(runs[2]?.reason ?? '', /run\.json is not a valid run record: it is not a regular file$/);
  assert.match(runs[1]?.reason ?? '', /^cannot be read: .*steps\.jsonl:1 is not a valid line; remove it$/);
  await assert.rejects(
    client.GetRun({ runId: 'damaged' }, { deadlineMs }),
    /run damaged cannot be read: .*steps\.jsonl:1/,
  );
});

test('a run is not resumed over other weights, another tokenizer or other prompts, and resumes once they are back', async (t) => {
  const whole = await trainAlone(t, config);
  const { world, coordinator: first } = await startAll(t);
  const release = await createRunHeldAt(first, world, config, 3);
  await first.client.PauseRun({ runId: 'bandit' }, { deadlineMs });
  const stopping = first.stop();
  release();
  await stopping;

  const { client, ...second } = await startCoordinator(t, world);
  const files = {
    'policy.model weights': 'model/model.safetensors',
    'policy.model tokenizer_config.json': 'model/tokenizer_config.json',
    'data.prompts': 'train.jsonl',
  };
  for (const [key, name] of Object.entries(files)) {
    const path = join(world.directory, name);
    const kept = await readFile(path);
    const changed = Buffer.from(kept);
    // A different weight; a different order of prompts; the same JSON formatted differently.
    if (key === 'data.prompts')
      changed.set(Buffer.from(`${kept.toString().trim().split('\n').reverse().join('\n')}\n`));
    else if (key === 'policy.model weights') changed.writeFloatLE(0.125, kept.length - 4);
    await writeFile(path, key.endsWith('.json') ? `${kept.toString()} ` : changed);
    await assert.rejects(
      client.ResumeRun({ runId: 'bandit' }, { deadlineMs }),
      (error) => error instanceof RpcError && error.details.includes(`trained from other files: ${key} had SHA-256`),
      key,
    );
    await writeFile(path, kept);
  }
  await client.ResumeRun({ runId: 'bandit' }, { deadlineMs });
  const ended = await until({ client, ...second }, 'bandit', 'RUN_STATE_SUCCEEDED');
  assert.equal(ended.versionSha256, whole.run.versionSha256);
});
