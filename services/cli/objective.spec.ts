/** `objective add` and `objective remove`, against a stub of the coordinator. */
import assert from 'node:assert/strict';
import { userInfo } from 'node:os';
import { test } from 'node:test';
import {
  RpcError,
  type ChangeObjectivesRequest,
  type ChangeObjectivesResponseInput,
  type ChangeObjectivesResponseJson,
} from '@gapo/rpc';
import { gapo, someRun, trainingService } from './cli.fixture.js';

test('objective sends the change, and prints the resulting objectives and their first step', async (t) => {
  const asked: ChangeObjectivesRequest[] = [];
  const answers: ChangeObjectivesResponseInput[] = [
    {
      run: someRun('a', 'RUN_STATE_RUNNING', 3, {
        method: 'pgapo',
        objectives: ['helpful', 'concise'],
        preference: { concise: 0.5, helpful: 1 },
      }),
      changed: true,
      firstStep: 5,
      before: ['helpful'],
      preferenceBefore: { helpful: 1 },
    },
    {
      run: someRun('a', 'RUN_STATE_RUNNING', 3, { objectives: ['helpful', 'harmless'] }),
      changed: true,
      firstStep: 6,
      before: ['helpful', 'concise', 'harmless'],
    },
    { run: someRun('a', 'RUN_STATE_RUNNING', 3, { objectives: ['helpful'] }), firstStep: 6, before: ['helpful'] },
  ];
  const coordinator = await trainingService(t, {
    ChangeObjectives: async (request) => {
      asked.push(request);
      return { ...answers[asked.length - 1], author: request.author };
    },
  });
  const env = { GAPO_COORDINATOR: coordinator };
  const limits = [
    '--on-failure',
    'drop',
    '--timeout',
    '2.5',
    '--hedge-after',
    '1',
    '--scale',
    '2',
    '--noise',
    '0.5',
    '--threshold',
    '-1',
  ];
  const call = ['objective', 'add', 'a', 'concise', '--service', '127.0.0.1:50061', ...limits, '--by', 'Ada'];
  const added = await gapo(t, [...call, '--prefer', 'helpful=1,concise=0.5', '--json'], env);
  const { run, ...change } = JSON.parse(added.stdout) as ChangeObjectivesResponseJson;
  assert.deepEqual(change, {
    author: 'Ada',
    changed: true,
    firstStep: 5,
    before: ['helpful'],
    preferenceBefore: { helpful: 1 },
  });
  assert.deepEqual(
    [run?.id, run?.objectives, run?.preference],
    ['a', ['helpful', 'concise'], { helpful: 1, concise: 0.5 }],
  );
  const [{ author, remove, preference, add }] = asked as [ChangeObjectivesRequest];
  const [{ name, service, onFailure, timeoutSeconds, hedgeAfterSeconds, scale, noise, threshold }] = add as [
    ChangeObjectivesRequest['add'][0],
  ];
  assert.deepEqual([author, remove, preference], ['Ada', [], { helpful: 1, concise: 0.5 }]);
  assert.deepEqual(
    [name, service, onFailure, timeoutSeconds, hedgeAfterSeconds, scale, noise, threshold],
    ['concise', '127.0.0.1:50061', 'FAILURE_POLICY_DROP', 2.5, 1, 2, 0.5, -1],
  );
  const removed = await gapo(t, ['objective', 'remove', 'a', 'concise'], env);
  assert.equal(removed.stdout, `a: concise removed; from step 6: helpful, harmless (by ${userInfo().username})\n`);
  const [, second = assert.fail()] = asked;
  assert.deepEqual([second.add, second.remove, second.preference], [[], ['concise'], {}]);
  assert.equal((await gapo(t, ['objective', 'remove', 'a', 'concise'], env)).stdout, 'a: unchanged: helpful\n');
});

test('objective has help with an example, and reports mistakes in one line', async (t) => {
  const coordinator = await trainingService(t, {
    ChangeObjectives: async () => {
      throw new RpcError('FAILED_PRECONDITION', 'run a would have no objective left');
    },
  });
  const mistakes: [string[], RegExp][] = [
    [['objective', 'remove', 'a', 'helpful'], /^run a would have no objective left/],
    [['objective', 'add', 'a', 'b', '--timeout', '0'], /Expected a number of seconds over 0/],
    [['objective', 'add', 'a', 'b', '--on-failure', 'ignore'], /Allowed choices are pause, drop, fail/],
    [['objective', 'add', 'a', 'b', '--prefer', 'b'], /Expected NAME=NUMBER, such as helpful=0.7/],
  ];
  for (const [args, pattern] of mistakes) {
    const { code, stderr } = await gapo(t, args, { GAPO_COORDINATOR: coordinator });
    assert.equal(code, 2, stderr);
    assert.match(stderr, pattern);
  }
  for (const name of ['objective add', 'objective remove']) {
    const { code, stdout } = await gapo(t, [...name.split(' '), '--help']);
    assert.equal(code, 0);
    assert.match(stdout, new RegExp(`Example:\\n  gapo ${name}`));
    assert.match(stdout, /--json/);
  }
});
