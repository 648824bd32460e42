/** Plans, ports, restarts, logs and the state file of the services. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { rewardEnvironment } from '@gapo/config';
import { takenAddress } from '@gapo/service/testing';
import { Backoff } from './backoff.js';
import { startEvents } from './events.js';
import { isAlive, stopLeftovers } from './leftovers.js';
import { newLogFile, readableLine } from './logFile.js';
import { planOn, planServices, portsFrom, type PlanOptions } from './plan.js';
import { readUpFile, requireDataDirectory, writeUpFile, type UpState } from './upFile.js';

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'gapo-cli-'));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

const options: PlanOptions = {
  rewards: [
    { name: 'helpful', kind: 'onnx', port: undefined, env: rewardEnvironment('onnx', [{ model: '/m/helpful' }]) },
    { name: 'short', kind: 'rules', port: 50099, env: rewardEnvironment('rules', [{ rules: '/r/short.yaml' }]) },
  ],
  rolloutWorkers: 2,
  rolloutThreads: 3,
  gradientWorkers: 1,
  gradientThreads: undefined,
  portBase: 50050,
  httpPort: 8080,
  dataDirectory: '/data',
  projectDirectories: ['/project', '/models'],
};

test('the plan assigns an address to every service and passes them to the coordinator', () => {
  const { groups, coordinator, page } = planOn(portsFrom(options), options);
  assert.equal(coordinator, '127.0.0.1:50050');
  assert.equal(page, 'http://127.0.0.1:8080/');
  assert.deepEqual(
    groups.map((group) => group.map(({ name, address }) => `${name} ${address.split(':')[1] ?? ''}`)),
    [
      ['reward-helpful 50061', 'reward-short 50099', 'rollout 50051', 'rollout-2 50151', 'gradient 50052'],
      ['coordinator 50050'],
      ['gateway 8080'],
    ],
  );
  assert.deepEqual(groups[0]?.[1]?.env, {
    LISTEN: '127.0.0.1:50099',
    OBJECTIVE: 'short',
    REWARD_KIND: 'rules',
    REWARD_RULES: '/r/short.yaml',
  });
  const threads = groups[0]?.flatMap(({ folder, env }) =>
    env['THREADS'] === undefined ? [] : [[folder, env['THREADS']]],
  );
  assert.deepEqual(threads, [
    ['rollout', '3'],
    ['rollout', '3'],
  ]);
  assert.deepEqual(groups[1]?.[0]?.env, {
    LISTEN: '127.0.0.1:50050',
    DATA_DIR: '/data',
    PROJECT_DIRS: '["/project","/models"]',
    ROLLOUT_WORKERS: '127.0.0.1:50051,127.0.0.1:50151',
    GRADIENT_WORKERS: '127.0.0.1:50052',
    REWARD_SERVICES: 'helpful=127.0.0.1:50061,short=127.0.0.1:50099',
  });
});

test('another program computes gradients, with the same environment', () => {
  const usual = planOn(portsFrom(options), options).groups.flat();
  const planned = planOn(portsFrom(options), { ...options, gradientProgram: '/venv/bin/gapo-pytorch' }).groups.flat();
  const changed = planned.filter(({ program }) => program !== undefined);
  assert.deepEqual(
    changed.map(({ name, program, does }) => [name, program, does]),
    [['gradient', '/venv/bin/gapo-pytorch', 'computes gradients (gapo-pytorch)']],
  );
  assert.deepEqual(
    planned.map(({ env }) => env),
    usual.map(({ env }) => env),
  );
});

test('port base 0 uses distinct free ports', async () => {
  // At the same time, as two commands may.
  const plans = await Promise.all([1, 2].map(() => planServices({ ...options, portBase: 0, httpPort: 0 })));
  const ports = plans.flatMap(({ groups }) => groups.flat().map(({ address }) => address));
  assert.equal(new Set(ports).size, 14);
  assert.ok(!ports.some((address) => address.endsWith(':0')));
  plans.forEach(({ release }) => release());
});

test('a taken port is an error that names the service, the port and the option', async (t) => {
  const port = Number((await takenAddress(t)).split(':')[1]);
  await assert.rejects(
    planServices({ ...options, portBase: 0, httpPort: port }),
    new RegExp(`gateway \\(the web page\\) cannot listen on 127.0.0.1:${port}: the port is taken; .* --http-port`),
  );
});

test('restarts back off exponentially, and the backoff resets after a recovery', () => {
  const backoff = new Backoff();
  assert.deepEqual(
    [1, 2, 3, 4].map(() => backoff.next(100)),
    [500, 1000, 2000, 4000],
  );
  for (let i = 0; i < 10; i++) backoff.next(100);
  assert.equal(backoff.next(100), 30_000);
  assert.equal(backoff.next(61_000), 500);
});

test('the tail of a log is readable, and the previous log is kept', (t) => {
  const dir = folder(t);
  writeFileSync(join(dir, 'rollout.log'), 'old\n');
  const log = newLogFile(dir, 'rollout');
  assert.deepEqual(log.tail(3), []);
  writeFileSync(
    log.path,
    '{"level":"info","message":"ready"}\nplain text\n{"level":"error","message":"failed","error":{"message":"why"}}\n',
  );
  assert.deepEqual(log.tail(2), ['plain text', 'error: failed: why']);
  assert.equal(readableLine('[1,2]'), '[1,2]');
});

const state = (pid: number, services: UpState['services']): UpState => ({
  pid,
  command: 'up',
  started: '2025-01-01T00:00:00Z',
  coordinator: '127.0.0.1:1',
  page: 'http://127.0.0.1:2/',
  services,
});

test('the state file round-trips, and an invalid one is ignored', (t) => {
  const dir = folder(t);
  assert.equal(readUpFile(dir), undefined);
  const written = state(1, [{ name: 'rollout', does: 'x', address: '127.0.0.1:1', pid: 5, log: '/l' }]);
  writeUpFile(dir, written);
  assert.deepEqual(readUpFile(dir), written);
  writeFileSync(join(dir, 'up.json'), '{"pid":');
  assert.equal(readUpFile(dir), undefined);
});

test('a data directory that cannot be written to is an error that names it', (t) => {
  const file = join(folder(t), 'file');
  writeFileSync(file, '');
  assert.throws(
    () => requireDataDirectory(join(file, 'data')),
    /data directory .*file\/data cannot be written to .* --data/,
  );
});

test('services log in to a server that the environment names, with files from this directory; not to their own', async (t) => {
  const observer = { say: () => undefined, changed: () => undefined };
  const login = { NATS_CREDS: 'user.creds', NATS_PASSWORD: 'x' };
  const given = await startEvents(folder(t), observer, { NATS_URL: 'nats://elsewhere:4222', ...login });
  assert.deepEqual(given.env, { NATS_URL: 'nats://elsewhere:4222', NATS_CREDS: join(process.cwd(), 'user.creds') });
  const own = await startEvents(folder(t), observer, login);
  t.after(() => own.stop());
  assert.equal(own.env['NATS_URL'], own.url);
  if (own.url !== undefined) assert.deepEqual([own.env['NATS_CREDS'], own.env['NATS_PASSWORD']], ['', '']);
});

test('a reused process id is neither taken for gapo nor killed', async () => {
  const mine = [{ name: 'rollout', does: 'x', address: '127.0.0.1:1', pid: process.pid }];
  assert.equal(isAlive(state(process.ppid, mine)), false);
  assert.deepEqual(await stopLeftovers(state(1, mine)), []);
});
