// `runs`, against a stub of the coordinator.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gapo, trainingService } from './cli.fixture.js';

test('runs lists those that have all of the tags', async (t) => {
  const run = (id: string, tags: string[]) => ({
    id,
    tags,
    state: 'RUN_STATE_RUNNING' as const,
    totalSteps: 5,
    method: 'gapo',
  });
  const coordinator = await trainingService(t, {
    ListRuns: async () => ({ runs: [run('a', ['nightly', 'team=x']), run('b', ['nightly']), run('c', [])] }),
  }); // prettier-ignore
  const env = { GAPO_COORDINATOR: coordinator };
  const listed = async (...args: string[]): Promise<string[]> =>
    (await gapo(t, ['runs', ...args], env)).stdout.trimEnd().split('\n');
  assert.deepEqual(await listed(), [
    'run  state    step  method  mean rewards  tags            reason',
    'a    running   0/5  gapo    -             nightly team=x',
    'b    running   0/5  gapo    -             nightly',
    'c    running   0/5  gapo    -',
  ]);
  assert.equal((await listed('--tag', 'nightly')).length, 3);
  assert.deepEqual((await listed('--tag', 'nightly', '--tag', 'team=x')).slice(1), [
    'a    running   0/5  gapo    -             nightly team=x',
  ]);
  assert.deepEqual(await listed('--tag', 'no'), ['none of the 3 runs is tagged no']);
  assert.deepEqual(JSON.parse((await listed('--tag', 'no', '--json')).join('')), []);
});
