/** `prefer`, `soup` and `eval` of several runs, against a stub of the coordinator. */
import assert from 'node:assert/strict';
import { userInfo } from 'node:os';
import { test } from 'node:test';
import { RpcError, type EvaluationReportJson, type RunInput, type SetPreferenceResponseJson } from '@gapo/rpc';
import { gapo, someRun, trainingService } from './cli.fixture.js';

const objectives = ['helpful', 'harmless'];
const steered: RunInput = { method: 'pgapo', objectives, preference: { harmless: 0.5, helpful: 0.5 } };

test('prefer prints the old and the new preference and its first step, and records the author', async (t) => {
  const asked: unknown[] = [];
  const coordinator = await trainingService(t, {
    GetRun: async () => ({ run: someRun('a', 'RUN_STATE_RUNNING', 3, steered) }),
    SetPreference: async ({ preference, author }) => {
      asked.push({ preference, author });
      const run = someRun('a', 'RUN_STATE_RUNNING', 3, { ...steered, preference });
      return { run, firstStep: 5, before: { harmless: 0.5, helpful: 0.5 }, author };
    },
    ListRuns: async () => ({
      runs: [
        someRun('a', 'RUN_STATE_RUNNING', 3, steered),
        someRun('s', 'RUN_STATE_SUCCEEDED', 3, { ingredients: { x: 0.25, y: 0.75 } }),
      ],
    }),
  });
  const env = { GAPO_COORDINATOR: coordinator };
  const call = ['prefer', 'a', 'harmless=0.3', 'helpful=0.7'];
  const { stdout } = await gapo(t, call, env);
  assert.equal(
    stdout,
    `a: helpful 0.5, harmless 0.5 → helpful 0.7, harmless 0.3, from step 5 (by ${userInfo().username})\n`,
  );
  const named = await gapo(t, [...call, '--by', 'Ada', '--json'], env);
  const { run, ...change } = JSON.parse(named.stdout) as SetPreferenceResponseJson;
  assert.deepEqual([run?.id, run?.preference], ['a', { helpful: 0.7, harmless: 0.3 }]);
  assert.deepEqual(change, { author: 'Ada', firstStep: 5, before: { helpful: 0.5, harmless: 0.5 } });
  assert.deepEqual(asked.at(-1), { preference: { helpful: 0.7, harmless: 0.3 }, author: 'Ada' });
  const list = await gapo(t, ['runs'], env);
  assert.match(list.stdout, /pgapo \(helpful 0.5, harmless 0.5\)/);
  assert.match(list.stdout, /average of x 0.25, y 0.75/);
});

test('prefer, soup and eval report mistakes in one line that says what to do', async (t) => {
  const coordinator = await trainingService(t, {
    GetRun: async ({ runId }) => ({ run: someRun(runId, 'RUN_STATE_RUNNING', 3, { ...steered, preference: {} }) }),
    SetPreference: async () => {
      throw new RpcError('FAILED_PRECONDITION', 'run a uses the method gapo, which takes no preference');
    },
  });
  const env = { GAPO_COORDINATOR: coordinator };
  const mistakes: [string[], RegExp][] = [
    [
      ['prefer', 'a', 'helpfull=1', 'harmless=1'],
      /no objective "helpfull".*are helpful, harmless; did you mean helpful\?/,
    ],
    [['prefer', 'a', 'helpful=1'], /harmless has no number.*such as harmless=0.5/],
    [['prefer', 'a', 'helpful=much', 'harmless=1'], /"much" is not a number of at least 0/],
    [['prefer', 'a', 'helpful=-1', 'harmless=1'], /"-1" is not a number of at least 0/],
    [['prefer', 'a', '0.5'], /Expected NAME=NUMBER, such as helpful=0.7/],
    [['prefer', 'a', 'helpful=1', 'helpful=2'], /helpful is given twice/],
    [['prefer', 'a', 'helpful=1', 'harmless=2'], /^run a uses the method gapo, which takes no preference/],
    [['soup', 'a=0', 'b=0'], /every weight is 0/],
    [['eval', 'a', 'b', '--version', '2'], /--version applies to a single run/],
    [['eval', 'a', 'a'], /a is given twice/],
  ];
  await Promise.all(
    mistakes.map(async ([args, pattern]) => {
      const { code, stdout, stderr } = await gapo(t, args, env);
      assert.equal(code, 2, `${args.join(' ')}: ${stderr}`);
      assert.match(stderr, pattern);
      assert.equal(stdout, '');
    }),
  );
});

test('soup requests the average; eval of several runs prints one table, each run against its own start', async (t) => {
  const interval = (mean: number): object => ({ mean, low: mean - 0.5, high: mean + 0.5 });
  const evaluation = (after: number): object => ({
    version: 3,
    prompts: 20,
    objectives: [
      {
        name: 'helpful',
        before: interval(1),
        after: interval(after),
        difference: interval(after - 1),
        winRate: interval(0.5),
      },
    ],
    winRate: interval(0.75),
    lengthAfter: 12,
  });
  const asked: unknown[] = [];
  const coordinator = await trainingService(t, {
    CreateSoup: async ({ ingredients, runId }) => {
      asked.push({ ingredients, runId });
      return { run: someRun(runId, 'RUN_STATE_SUCCEEDED', 3, { ingredients: { a: 0.25, b: 0.75 } }) };
    },
    GetRun: async ({ runId }) => ({ run: someRun(runId, 'RUN_STATE_SUCCEEDED', 3) }),
    async *EvaluateRun({ runId }) {
      yield { report: { runId, ...evaluation(runId === 'a' ? 2 : 0.5) } };
    },
  });
  const env = { GAPO_COORDINATOR: coordinator };
  const soup = await gapo(t, ['soup', 'a=1', 'b=3', '--id', 'mix'], env);
  assert.deepEqual(asked, [{ ingredients: { a: 1, b: 3 }, runId: 'mix' }]);
  assert.match(soup.stdout, /^mix: the average of a 0.25, b 0.75; evaluate it with `gapo eval mix`/);
  const both = await gapo(t, ['eval', 'a', 'b'], env);
  assert.deepEqual(both.stdout.trimEnd().split('\n'), [
    'Held-out prompts: 20. Before: the policy that the run started from (version 0).',
    '',
    'run  version  objective  before  after  95 % interval   difference  win rate  over all  tokens',
    'a          3  helpful     1.000  2.000  1.500 to 2.500      +1.000      50 %      75 %    12.0',
    'b          3  helpful     1.000  0.500  0.000 to 1.000      -0.500      50 %      75 %    12.0',
  ]);
  const json = await gapo(t, ['eval', 'a', 'b', '--json'], env);
  assert.deepEqual(
    (JSON.parse(json.stdout) as EvaluationReportJson[]).map(({ runId, prompts }) => [runId, prompts]),
    [
      ['a', 20],
      ['b', 20],
    ],
  );
});
