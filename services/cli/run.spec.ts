/** `gapo up` and `gapo run` with the real services: a model small enough to train in seconds, scored by rules. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
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
  trace: string | null;
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

test('up and run give the same weights, with shared or own services, paused or not', async (t) => {
  const folder = temporaryFolder(t);
  const { config, rewards } = await writeTinyProject(folder, 5);
  const workers = ['--rollout-workers', '1', '--gradient-workers', '1'];
  const withData = (command: string[], data: string): string[] => [
    ...command,
    ...['--rewards', rewards, '--data', join(folder, data), ...workers, '--json', ...free],
  ];
  let sha256 = '';

  await t.test('up lists the services, restarts one that was killed, and stops all at Ctrl-C', async (t) => {
    const data = join(folder, 'runs');
    const up = startGapo(t, withData(['up'], 'runs'));
    await up.line(/"command":"up"/);
    const state = readUpFile(data);
    const names = state?.services.map(({ name }) => name).filter((name) => name !== 'nats-server');
    assert.deepEqual(names, ['reward-short', 'reward-vowels', 'rollout', 'gradient', 'coordinator', 'gateway']);
    const health = await fetch(`${state?.page ?? ''}healthz`);
    assert.equal(((await health.json()) as { coordinator: string }).coordinator, 'SERVING');

    const second = await gapo(t, withData(['up'], 'runs'));
    assert.equal(second.code, 0);
    assert.match(second.stderr, /already running, started by process \d+/);
    assert.deepEqual(JSON.parse(second.stdout), state);

    const run = await gapo(t, withData(['run', config], 'runs'));
    assert.equal(run.code, 0, run.stderr);
    assert.match(run.stderr, /using the services that process \d+ started/);
    const result = lastLine(run.stdout);
    assert.equal(result.trace, null);
    sha256 = result.versionSha256;

    const runs = await gapo(t, ['runs', '--json'], {}, folder);
    assert.deepEqual(
      (JSON.parse(runs.stdout) as { id: string }[]).map(({ id }) => id),
      [result.run],
      runs.stderr,
    );

    const worker = state?.services.find(({ name }) => name === 'reward-vowels')?.pid;
    process.kill(worker ?? 0, 'SIGKILL');
    await up.line(/reward-vowels: killed by SIGKILL.*restarting in 0.5 s/);
    up.child.kill('SIGINT');
    const { code, stderr } = await up.ended;
    assert.equal(code, 0, stderr);
    assert.equal(existsSync(join(data, 'up.json')), false);
    for (const { pid } of state?.services ?? []) assert.equal(alive(pid), false);
  });

  await t.test('run pauses at Ctrl-C, resumes when called again, and shows the result', async (t) => {
    const args = withData(['run', config], 'run');
    // Each step after the first takes seconds: the signal arrives before the last one ends, however fast the machine is.
    const stopped = startGapo(t, args, { GAPO_FAULTS: 'rpc.answer[/ComputeGradients]=delay:3000@2+' });
    await stopped.line(/^step 1\/5/);
    stopped.child.kill('SIGINT');
    const first = await stopped.ended;
    assert.equal(first.code, 130, first.stderr);
    assert.match(first.stderr, /stopped at step [1-4] of 5; resume it with `gapo run .* --resume`/);

    const second = await gapo(t, args);
    assert.equal(second.code, 0, second.stderr);
    assert.match(second.stderr, /is unfinished: paused at step [1-4] of 5/);
    const result = lastLine(second.stdout);
    assert.equal(result.versionSha256, sha256);
    assert.equal(result.steps, 5);
    assert.deepEqual(Object.keys(result.objectives), ['short', 'vowels']);
    for (const { before, after, ci } of Object.values(result.objectives)) {
      assert.ok(Number.isFinite(before) && ci[0] <= after && after <= ci[1]);
    }
    assert.equal(typeof result.objectives['short']?.acceptableAfter, 'number');
    assert.ok(result.winRate >= 0 && result.winRate <= 1 && Number.isFinite(result.stationarity));
    assert.ok(existsSync(join(result.checkpoint, 'adapter_model.safetensors')));
    assert.match(readFileSync(result.page, 'utf8'), new RegExp(result.run));
    const spans = [...readFileSync(result.trace ?? '', 'utf8').matchAll(/"name":"((?:gapo|rl)\.[\w.]+)"/g)];
    const names = new Set(spans.map((found) => found[1]));
    for (const name of ['rl.loop', 'gapo.rollout.generate', 'gapo.reward.score', 'gapo.gradient.compute']) {
      assert.ok(names.has(name), `no span ${name}`);
    }
  });

  await t.test('Ctrl-C pauses the run and stops the services where nothing can be written any more', async (t) => {
    // Long enough not to end before the signal arrives.
    const long = await writeTinyProject(join(folder, 'long'), 1000);
    const stopped = startGapo(t, withData(['run', long.config], 'tee'));
    await stopped.line(/^step 1\/1000/);
    const services = readUpFile(join(folder, 'tee'))?.services ?? [];
    // As in `gapo run 2>&1 | tee log`, where Ctrl-C ends tee first.
    stopped.child.stdout?.destroy();
    stopped.child.stderr?.destroy();
    stopped.child.kill('SIGINT');
    assert.equal((await stopped.ended).code, 130);
    assert.equal(existsSync(join(folder, 'tee/up.json')), false);
    assert.ok(services.length > 5);
    for (const { pid } of services) assert.equal(alive(pid), false);
    const records = readdirSync(join(folder, 'tee')).map((name) => join(folder, 'tee', name, 'run.json'));
    const [record = ''] = records.filter((path) => existsSync(path));
    assert.match(readFileSync(record, 'utf8'), /RUN_STATE_PAUSED/);
  });
});
