/**
 * One run of `gapo up` across several ends of its coordinator: it is followed, refused because of changed files, and
 * set aside.
 */
import assert from 'node:assert/strict';
import { appendFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { gapo, startGapo, temporaryFolder, writeTinyProject } from './cli.fixture.js';
import { readUpFile } from './processes/upFile.js';

test('a run is followed across kills of the coordinator, and continues over changed files if a user says so', async (t) => {
  const folder = temporaryFolder(t);
  const data = join(folder, 'runs');
  const { config, rewards } = await writeTinyProject(folder, 2000);
  const stack = [
    '--rewards',
    rewards,
    '--data',
    data,
    '--rollout-workers',
    '1',
    '--port-base',
    '0',
    '--http-port',
    '0',
  ];
  const up = startGapo(t, ['up', ...stack, '--json']);
  await up.line(/"command":"up"/);
  const coordinator = readUpFile(data)?.coordinator ?? '';
  const killCoordinator = (): void => {
    const pid = readUpFile(data)?.services.find(({ name }) => name === 'coordinator')?.pid;
    process.kill(pid ?? 0, 'SIGKILL');
  };
  const at = (...args: string[]): string[] => [...args, '--coordinator', coordinator];
  const id = 'long';
  const record = (): Record<string, unknown> =>
    JSON.parse(readFileSync(join(data, id, 'run.json'), 'utf8')) as Record<string, unknown>;
  const steps = (): number => readFileSync(join(data, id, 'steps.jsonl'), 'utf8').split('\n').length - 1;

  const watch = startGapo(t, at('train', config, '--data', data, '--id', id, '--watch', '--json'));
  await watch.line(/^\{"step":\{"step":2,/);
  killCoordinator();
  await up.line(/coordinator: killed by SIGKILL/);
  const next = steps() + 1;
  await watch.line(new RegExp(`^\\{"step":\\{"step":${next},`));
  assert.equal(record()['resumptions'], 1);

  appendFileSync(join(folder, 'train.jsonl'), '{"id":"more","prompt":"say more"}\n');
  killCoordinator();
  const watched = await watch.ended;
  assert.equal(watched.code, 2, watched.stderr);
  assert.match(watched.stderr, /failed.*data\.prompts had SHA-256/);
  const seen = [...watched.stdout.matchAll(/^\{"step":\{"step":(\d+),/gm)].map((found) => Number(found[1]));
  assert.deepEqual(
    seen,
    Array.from({ length: steps() }, (_, i) => i + 1),
    'each step once, in order',
  );

  const refused = await gapo(t, at('resume', id));
  assert.equal(refused.code, 2, refused.stderr);
  assert.match(refused.stderr, /data\.prompts had SHA-256 .*--accept-changed-inputs/);
  const accepted = await gapo(t, at('resume', id, '--accept-changed-inputs', '--by', 'me'));
  assert.equal(accepted.code, 0, accepted.stderr);
  const [acceptance] = record()['acceptedInputs'] as { author: string; inputs: object }[];
  assert.deepEqual([acceptance?.author, Object.keys(acceptance?.inputs ?? {})], ['me', ['data.prompts']]);

  const fresh = startGapo(t, ['run', config, ...stack, '--fresh']);
  await fresh.line(
    /run long of this configuration is paused in favour of the new run; `gapo resume long` continues it/,
  );
  fresh.child.kill('SIGINT');
  assert.equal((await fresh.ended).code, 130);
  const paused = await gapo(t, at('watch', id));
  assert.equal(paused.code, 2);
  assert.match(paused.stderr, /paused by a user/);

  up.child.kill('SIGINT');
  assert.equal((await up.ended).code, 0);
});
