// The process: killed, stopped, started twice; its events in a real NATS server, its traces at a real receiver.
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, watch } from 'node:fs';
import { rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { connectEvents, findNatsServer, startNatsServer, type CloudEvent } from '@gapo/events';
import { required } from '@gapo/numeric';
import { checkHealth, connect, type Client, type StepReport } from '@gapo/rpc';
import { freePort } from '@gapo/service/testing';
import {
  createRun,
  deadlineMs,
  getRun,
  holdAt,
  reportsOf,
  runYaml,
  scratch,
  startWorld,
  until,
  untilStep,
  type World,
} from './fixtures/world.fixture.js';

const main = fileURLToPath(new URL('main.js', import.meta.url));
const preload = fileURLToPath(new URL('../../lib/tracing/dist/preload.js', import.meta.url));

interface CoordinatorProcess {
  readonly child: ChildProcess;
  readonly client: Client<'gapo.training.v1.TrainingService'>;
  /** Returns its stderr so far. */
  log(): string;
  /** The exit code, or the signal that ended it. */
  exited: Promise<number | string>;
}

function launch(t: TestContext, env: Record<string, string>): Omit<CoordinatorProcess, 'client'> {
  const child = spawn(process.execPath, ['--import', preload, main], {
    env: { PATH: process.env['PATH'] ?? '', STOP_GRACE_SECONDS: '600', ...env },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  t.after(() => child.kill('SIGKILL'));
  let text = '';
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
  const exited = once(child, 'close').then(([code, signal]) => (code ?? signal) as number | string);
  return { child, exited, log: () => text };
}

/** Starts the process over a world and waits until it has written its address. */
async function start(t: TestContext, world: World, env: Record<string, string> = {}): Promise<CoordinatorProcess> {
  const file = join(world.directory, 'address');
  await rm(file, { force: true });
  const written = new Promise<void>((resolve) => {
    const watcher = watch(world.directory, (_event, name) => {
      if (name !== 'address') return;
      watcher.close();
      resolve();
    });
    t.after(() => watcher.close());
  });
  const launched = launch(t, { ...world.env, ADDRESS_FILE: file, ...env });
  const early = launched.exited.then((code) => assert.fail(`it exited with ${code}: ${launched.log()}`));
  await Promise.race([written, early]);
  void early.catch(() => undefined);
  const address = readFileSync(file, 'utf8');
  world.coordinator.address = address;
  const client = connect('gapo.training.v1.TrainingService', address);
  t.after(() => client.close());
  return { ...launched, client };
}

const config = runYaml({ steps: 5, extra: 'checkpoints: { every: 2 }' });

const numbers = ({ step, objectives, updateNorm }: StepReport): unknown => [
  step,
  objectives.map(({ rewardMean, weight }) => [rewardMean, weight]),
  updateNorm,
];

test('a run whose process is killed in a step continues with the next process, to the bytes of an undisturbed run', async (t) => {
  const world = await startWorld(t);
  const undisturbed = await start(t, world);
  await createRun(undisturbed, world, config, 'undisturbed');
  const whole = await until(undisturbed, 'undisturbed', 'RUN_STATE_SUCCEEDED');
  const reports = await reportsOf(undisturbed, 'undisturbed');
  const held = holdAt(world, 4);
  await createRun(undisturbed, world, config);
  await untilStep(undisturbed, 'bandit', 3);
  await held.reached;
  undisturbed.child.kill('SIGKILL');
  assert.equal(await undisturbed.exited, 'SIGKILL');
  held.release();

  // Killed again, while the completions of step 4 are written in the background; step 5 does not end before that write.
  const behind = holdAt(world, 5);
  const torn = await start(t, world, { GAPO_FAULTS: 'file.rename[bandit/samples/step-000004.jsonl]=kill' });
  assert.equal(await torn.exited, 'SIGKILL');
  behind.release();
  const samples = (run: string): string[] => readdirSync(join(world.directory, 'runs', run, 'samples')).sort();
  assert.match(samples('bandit')[0] ?? '', /^\.step-000004\.jsonl\..*\.partial$/);

  const next = await start(t, world);
  const ended = await until(next, 'bandit', 'RUN_STATE_SUCCEEDED');
  assert.equal(ended.versionSha256, whole.versionSha256);
  assert.deepEqual((await reportsOf(next, 'bandit')).map(numbers), reports.map(numbers));
  // A kill can lose the completions of the last step. None is truncated, and each has the bytes of an uninterrupted run.
  const kept = samples('bandit');
  for (const step of [1, 2, 5]) assert.ok(kept.includes(`step-00000${step}.jsonl`), kept.join());
  for (const name of kept) {
    const [own, other] = ['bandit', 'undisturbed'].map((run) => readFileSync(join(world.directory, 'runs', run, 'samples', name))); // prettier-ignore
    assert.ok(own !== undefined && other?.equals(own), name);
  }
  next.child.kill('SIGTERM');
  assert.equal(await next.exited, 0);
});

test('a coordinator that is still reading runs from its store answers that it is not ready', async (t) => {
  const store = createServer(); // holds back its responses
  t.after(() => store.closeAllConnections());
  await new Promise<void>((resolve) => store.listen(0, '127.0.0.1', resolve));
  t.after(() => store.close());
  const world = await startWorld(t);
  const address = `127.0.0.1:${await freePort()}`;
  const asked = once(store, 'request');
  const { exited, log } = launch(t, {
    ...world.env,
    LISTEN: address,
    CHECKPOINT_STORE: 's3://checkpoints/runs',
    AWS_ENDPOINT_URL_S3: `http://127.0.0.1:${(store.address() as AddressInfo).port}`,
    AWS_REGION: 'us-east-1',
    AWS_ACCESS_KEY_ID: 'tester',
    AWS_SECRET_ACCESS_KEY: 'a-secret-of-the-test',
  });
  await Promise.race([asked, exited.then((code) => assert.fail(`it exited with ${code}: ${log()}`))]);
  assert.equal(await checkHealth(address, deadlineMs), 'NOT_SERVING');
  const client = connect('gapo.training.v1.TrainingService', address);
  t.after(() => client.close());
  await assert.rejects(client.ListRuns({}, { deadlineMs }), { code: 'UNAVAILABLE' });
});

test('on SIGTERM the step in progress finishes, the run pauses with a checkpoint, and the process exits with 0', async (t) => {
  const world = await startWorld(t);
  const first = await start(t, world);
  const held = holdAt(world, 2);
  await createRun(first, world, config);
  await held.reached;
  const watching = first.client.WatchRun({ runId: 'bandit' }, { deadlineMs })[Symbol.asyncIterator]();
  await watching.next();
  if (process.platform === 'linux') {
    const mapped = readFileSync(`/proc/${first.child.pid}/maps`, 'utf8');
    assert.doesNotMatch(mapped, /tokenizers\.\S+\.node/, 'the native library could end the process');
  }
  first.child.kill('SIGTERM');
  held.release();
  const states: string[] = [];
  await assert.rejects(async () => {
    for await (const { run } of { [Symbol.asyncIterator]: () => watching }) if (run) states.push(run.state);
  }, /the server is stopping/);
  assert.equal(states.at(-1), 'RUN_STATE_PAUSED', 'watchers receive the pause');
  assert.equal(await first.exited, 0, first.log());
  const next = await start(t, world);
  const { step, checkpoint } = await getRun(next);
  assert.ok(step >= 2);
  assert.match(checkpoint, /step-00000[2-5]$/);
  await until(next, 'bandit', 'RUN_STATE_SUCCEEDED');
  next.child.kill('SIGTERM');
  assert.equal(await next.exited, 0);
});

test('invalid settings and a port in use are one line each and exit code 2', async (t) => {
  const world = await startWorld(t);
  const first = await start(t, world);
  const taken = launch(t, { ...world.env, LISTEN: world.coordinator.address, PROJECT_DIRS: '/no/a:/no/b' });
  assert.equal(await taken.exited, 2);
  assert.match(taken.log(), /^LISTEN: cannot listen on 127\.0\.0\.1:\d+: another process holds that port/m);
  assert.match(taken.log(), /PROJECT_DIRS: \/no\/a:\/no\/b does not exist \(directories are separated by commas\)/);
  const wrong = launch(t, { ...world.env, LISTEN: 'here', REWARD_SERVICES: 'helpful' });
  assert.equal(await wrong.exited, 2);
  assert.match(wrong.log(), /LISTEN: found .*here.*, expected a host:port string/);
  assert.match(wrong.log(), /REWARD_SERVICES\S*: found .*helpful.*, expected name=host:port/);
  first.child.kill('SIGTERM');
  assert.equal(await first.exited, 0);
});

test(
  'a run’s events are replayed from JetStream',
  { skip: findNatsServer() === undefined && 'no nats-server' },
  async (t) => {
    const nats = required(await startNatsServer({ storeDir: join(await scratch(t), 'jetstream') }), 'the NATS server');
    t.after(() => nats.stop());
    const world = await startWorld(t);
    const coordinator = await start(t, world, { NATS_URL: nats.url });
    await createRun(coordinator, world, runYaml({ steps: 2 }));
    await until(coordinator, 'bandit', 'RUN_STATE_SUCCEEDED');
    coordinator.child.kill('SIGTERM');
    assert.equal(await coordinator.exited, 0);
    const bus = await connectEvents({ url: nats.url, source: 'test' });
    const events: CloudEvent[] = [];
    for await (const event of bus.replay('bandit')) events.push(event);
    await bus.close();
    const counts: Record<string, number> = {};
    for (const { type } of events) counts[type] = (counts[type] ?? 0) + 1;
    assert.deepEqual(counts, {
      'gapo.v1.state': 2,
      'gapo.v1.rollout': 6,
      'gapo.v1.reward': 4,
      'gapo.v1.gradient': 6,
      'gapo.v1.step': 2,
      'gapo.v1.checkpoint': 1,
    });
    assert.equal(new Set(events.map(({ id }) => id)).size, events.length);
  },
);

test(
  'events are complete, in order and published once although coordinator and NATS server are killed',
  { skip: findNatsServer() === undefined && 'no nats-server' },
  async (t) => {
    const storeDir = join(await scratch(t), 'jetstream');
    const nats = required(await startNatsServer({ storeDir }), 'the NATS server');
    t.after(() => nats.stop());
    const world = await startWorld(t);
    // Killed after NATS has acknowledged the event of step 2, before the coordinator knows.
    const first = await start(t, world, {
      NATS_URL: nats.url,
      GAPO_FAULTS: 'event.published[bandit/step/2]=kill',
    });
    await createRun(first, world, config);
    assert.equal(await first.exited, 'SIGKILL');
    process.kill(nats.pid, 'SIGKILL');
    await nats.exited;

    // Killed after the checkpoint of step 3, before its report is in the record.
    const torn = await start(t, world, { NATS_URL: nats.url, GAPO_FAULTS: 'file.append[steps.jsonl]=kill' });
    assert.equal(await torn.exited, 'SIGKILL');

    // NATS is down while the run ends.
    const second = await start(t, world, { NATS_URL: nats.url });
    await continued(second);
    second.child.kill('SIGTERM');
    assert.equal(await second.exited, 0, second.log());

    const port = Number(new URL(nats.url).port);
    const again = required(await startNatsServer({ storeDir, port }), 'the NATS server');
    t.after(() => again.stop());
    const third = await start(t, world, { NATS_URL: nats.url });
    await until(third, 'bandit', 'RUN_STATE_SUCCEEDED');
    third.child.kill('SIGTERM');
    assert.equal(await third.exited, 0, third.log());
    const bus = await connectEvents({ url: nats.url, source: 'test' });
    const events: CloudEvent[] = [];
    for await (const event of bus.replay('bandit')) events.push(event);
    await bus.close();
    assert.deepEqual(
      events.map(({ sequence }) => Number(sequence)),
      events.map((_, i) => i + 1),
    );
    assert.deepEqual(
      events.flatMap((event) => (event.type === 'gapo.v1.step' ? [event.data.step] : [])),
      [1, 2, 3, 4, 5],
    );
    assert.equal(new Set(events.map(({ id }) => id)).size, events.length);
    const last = events.findLast((event) => event.type === 'gapo.v1.state');
    assert.equal(last?.data.to, 'RUN_STATE_SUCCEEDED');
  },
);

/** Waits until a run that was interrupted has succeeded; resumes it if it did not resume automatically. */
async function continued(coordinator: CoordinatorProcess): Promise<void> {
  const { state } = await getRun(coordinator);
  if (state === 'RUN_STATE_FAILED') await coordinator.client.ResumeRun({ runId: 'bandit' }, { deadlineMs });
  await until(coordinator, 'bandit', 'RUN_STATE_SUCCEEDED');
}

interface Span {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
}

test('every step is one trace: the step’s span contains its phases, which contain the calls to services', async (t) => {
  const spans: Span[] = [];
  const receiver = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body = JSON.parse(Buffer.concat(chunks).toString()) as {
        resourceSpans: { scopeSpans: { spans: Span[] }[] }[];
      };
      for (const { scopeSpans } of body.resourceSpans) for (const scope of scopeSpans) spans.push(...scope.spans);
      response.setHeader('content-type', 'application/json').end('{}');
    });
  });
  receiver.listen(0, '127.0.0.1');
  await once(receiver, 'listening');
  t.after(() => receiver.close());
  const { port } = receiver.address() as { port: number };
  const world = await startWorld(t);
  const coordinator = await start(t, world, {
    OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `http://127.0.0.1:${port}/v1/traces`,
    OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
  });
  await createRun(coordinator, world, runYaml({ steps: 2 }));
  await until(coordinator, 'bandit', 'RUN_STATE_SUCCEEDED');
  const reports = await reportsOf(coordinator, 'bandit');
  coordinator.child.kill('SIGTERM');
  assert.equal(await coordinator.exited, 0);

  const roots = spans.filter(({ name }) => name === 'rl.loop');
  assert.deepEqual(new Set(roots.map(({ traceId }) => traceId)), new Set(reports.map(({ traceId }) => traceId)));
  assert.equal(roots.length, 2);
  for (const root of roots) {
    assert.equal(root.parentSpanId || undefined, undefined);
    const trace = spans.filter(({ traceId }) => traceId === root.traceId);
    const edges: Record<string, number> = {};
    for (const { name, parentSpanId } of trace) {
      const parent = trace.find(({ spanId }) => spanId === parentSpanId)?.name ?? '';
      const edge = `${parent} > ${name}`;
      edges[edge] = (edges[edge] ?? 0) + 1;
    }
    // The checkpoint of the last step is kept, which is an event.
    const last = root.traceId === reports[1]?.traceId;
    const expected: Record<string, number> = {
      ' > rl.loop': 1,
      'rl.loop > rl.sample': 1,
      'rl.loop > rl.reward': 1,
      'rl.loop > gapo.step.logprobs': 1,
      'rl.loop > gapo.step.advantages': 1,
      'rl.loop > rl.train': 1,
      'rl.train > gapo.step.gradients': 1,
      'rl.train > gapo.step.combination': 1,
      'rl.train > gapo.step.optimizer': 1,
      'rl.sample > grpc.gapo.rollout.v1.RolloutService/Generate': 3,
      // Equal completions are scored once, which leaves three calls of ten items for each service.
      'rl.reward > grpc.gapo.reward.v1.RewardService/Score': 6,
      'gapo.step.logprobs > grpc.gapo.gradient.v1.GradientService/LogProbs': 3,
      'gapo.step.gradients > grpc.gapo.gradient.v1.GradientService/ComputeGradients': 3,
      'rl.sample > gapo.event.publish': 3,
      'rl.reward > gapo.event.publish': 2,
      'gapo.step.gradients > gapo.event.publish': 3,
      'rl.loop > gapo.event.publish': 1,
      'rl.loop > gapo.step.checkpoint': 1,
      ...(last && { 'gapo.step.checkpoint > gapo.event.publish': 1 }),
    };
    assert.deepEqual(
      Object.fromEntries(Object.entries(edges).sort()),
      Object.fromEntries(Object.entries(expected).sort()),
    );
  }
});
