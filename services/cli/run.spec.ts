/** `gapo up` and `gapo run` with the real services: a model small enough to train in seconds, scored by rules. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { gapo, startGapo, temporaryFolder, writeTinyProject } from './cli.fixture.js';
import { readUpFile } from './processes/upFile.js';

const free = ['--port-base', '0', '--http-port', '0'];

interface Result {
  run: string;
  objectives: Record<string, { before: number; after: number; ci: [number, number]; acceptableAfter?: number }>;
  winRate: number;
  wallSeconds: number;
  stationarity: number;
  checkpoint: string;
  page: string;
  trace: string;
  versionSha256: string;
  steps: number;
}

const lastLine = (text: string): Result => JSON.parse(text.trimEnd().split('\n').at(-1) ?? '') as Result;

function alive(pid: number | undefined): boolean {
  try {
    process.kill(pid ?? 0, 0);
    return true;
  } catch {
    return false;
  }
}

test('run trains, evaluates and reports; stopped by Ctrl-C and gone on with, it ends in the same weights', async (t) => {
  const folder = temporaryFolder(t);
  const { config, rewards } = await writeTinyProject(folder, 6);
  const args = (data: string): string[] => [
    'run',
    config,
    '--rewards',
    rewards,
    '--data',
    join(folder, data),
    '--json',
    ...free,
  ];

  const whole = await gapo(t, args('whole'));
  assert.equal(whole.code, 0, whole.stderr);
  const result = lastLine(whole.stdout);
  assert.equal(result.steps, 6);
  assert.deepEqual(Object.keys(result.objectives), ['short', 'vowels']);
  for (const { before, after, ci } of Object.values(result.objectives)) {
    assert.ok(Number.isFinite(before) && ci[0] <= after && after <= ci[1]);
  }
  assert.ok(typeof result.objectives['short']?.acceptableAfter === 'number');
  assert.ok(result.winRate >= 0 && result.winRate <= 1 && Number.isFinite(result.stationarity));
  assert.ok(existsSync(join(result.checkpoint, 'adapter_model.safetensors')));
  assert.match(readFileSync(result.page, 'utf8'), new RegExp(result.run));
  const names = [...readFileSync(result.trace, 'utf8').matchAll(/"name":"(gapo\.[\w.]+)"/g)].map((found) => found[1]);
  for (const name of ['gapo.step', 'gapo.rollout.generate', 'gapo.reward.score', 'gapo.gradient.compute']) {
    assert.ok(names.includes(name), `no span ${name}`);
  }

  const stopped = startGapo(t, args('halves'));
  await stopped.line(/^step 1\/6/);
  stopped.child.kill('SIGINT');
  const first = await stopped.ended;
  assert.equal(first.code, 130, first.stderr);
  assert.match(first.stderr, /stopped at step [1-5] of 6; go on with `gapo run .* --resume`/);
  const second = await gapo(t, args('halves'));
  assert.equal(second.code, 0, second.stderr);
  assert.match(second.stderr, /is unfinished: paused at step [1-5] of 6/);
  assert.equal(lastLine(second.stdout).versionSha256, result.versionSha256);
});

test('up says what runs, starts a dead service again, and stops everything at Ctrl-C', async (t) => {
  const folder = temporaryFolder(t);
  const { rewards } = await writeTinyProject(folder, 1);
  const data = join(folder, 'data');
  const args = ['up', '--rewards', rewards, '--data', data, ...free];
  const up = startGapo(t, args);
  await up.line(/Ctrl-C stops everything/);
  const state = readUpFile(data);
  const names = state?.services.map(({ name }) => name).filter((name) => name !== 'nats-server');
  assert.deepEqual(names, ['reward-short', 'reward-vowels', 'rollout', 'gradient', 'coordinator', 'gateway']);
  const health = await fetch(`${state?.page ?? ''}healthz`);
  assert.equal(((await health.json()) as { coordinator: string }).coordinator, 'SERVING');

  const second = await gapo(t, args);
  assert.equal(second.code, 0);
  assert.match(second.stderr, /already running, started by process \d+/);
  assert.match(second.stdout, /gateway +serves the web page/);

  const worker = state?.services.find(({ name }) => name === 'reward-vowels')?.pid;
  process.kill(worker ?? 0, 'SIGKILL');
  await up.line(/reward-vowels: it was ended by SIGKILL.*starting it again in 0.5 s/);
  up.child.kill('SIGINT');
  const { code, stderr } = await up.ended;
  assert.equal(code, 0, stderr);
  assert.equal(existsSync(join(data, 'up.json')), false);
  for (const { pid } of state?.services ?? []) assert.equal(alive(pid), false);
});
