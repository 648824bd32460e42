// `samples`, against a stub of the coordinator.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ListSamplesRequest, SampleInput } from '@gapo/rpc';
import { gapo, trainingService } from './cli.fixture.js';

const sample = (number: number, more: SampleInput = {}): SampleInput => ({
  step: 3,
  promptId: '34fb5c825de7ca4a',
  sample: number,
  promptText: 'say\nit',
  completion: `text ${number}`,
  finished: true,
  tokens: 4,
  scores: [
    { objective: 'short', score: -0.5, advantage: 0.25 },
    { objective: 'vowels', failure: 'timed out' },
  ],
  ...more,
});

test('samples shows what models wrote as text, by pages up to the limit', async (t) => {
  const asked: ListSamplesRequest[] = [];
  const coordinator = await trainingService(t, {
    ListSamples: async (request) => {
      asked.push(request);
      const page = { step: 3, version: 2, sampled: 128, kept: 32, steps: [1, 2, 3], total: 5 };
      if (request.pageToken === '') return { ...page, samples: [sample(0), sample(1)], nextPageToken: '2' };
      return {
        ...page,
        samples: [sample(2, { completion: '\u001b[2Jevil\nline', finished: false })],
        nextPageToken: '3',
      };
    },
  });
  const env = { GAPO_COORDINATOR: coordinator };
  const args = ['samples', 'a', '--worst', 'short', '--unfinished', '--search', 'it', '--limit', '3'];
  const { code, stdout, stderr } = await gapo(t, args, env);
  assert.equal(code, 0, stderr);
  assert.equal(
    stdout,
    `a, step 3, sampled by version 2: 32 of 128 completions are kept, 5 match

34fb5c825de7ca4a  say⏎ it
  short -0.500 (+0.25), vowels no score: timed out, 4 tokens
    text 0
  short -0.500 (+0.25), vowels no score: timed out, 4 tokens
    text 1
  short -0.500 (+0.25), vowels no score: timed out, 4 tokens, unfinished
    [2Jevil⏎ line
`,
  );
  assert.match(stderr, /^2 more; --limit 5 shows them all$/m);
  const wanted = { order: 'SAMPLE_ORDER_WORST', objective: 'short', unfinished: true, search: 'it', promptId: '' };
  assert.deepEqual(
    asked.map(({ step, pageSize, pageToken }) => [step, pageSize, pageToken]),
    [
      [undefined, 3, ''],
      [3, 1, '2'], // the step of the first page, even if there is a newer one by now
    ],
  );
  for (const request of asked) assert.deepEqual({ ...request, ...wanted }, request);

  const json = await gapo(t, ['samples', 'a', '3', '--limit', '3', '--json'], env);
  const { samples, step } = JSON.parse(json.stdout) as { samples: { scores: object[] }[]; step: number };
  assert.deepEqual(
    [step, samples.length, samples[0]?.scores[1]],
    [3, 3, { objective: 'vowels', failure: 'timed out' }],
  );
});

test('--tokens shows each completion token by token', async (t) => {
  const coordinator = await trainingService(t, {
    ListSamples: async () => ({ step: 3, version: 2, sampled: 8, kept: 8, steps: [3], total: 2, samples: [sample(0), sample(1)] }),
    GetSample: async ({ sample: number }) => {
      const token = (text: string, logprob: number) => ({ text, logprob, advantages: number === 0 ? [0.5, -0.25] : [] });
      return { sample: sample(number, { tokenList: number === 0 ? [token(' hi', -0.5), token('\u001b\u009b\u202e', -2)] : [] }) };
    },
  }); // prettier-ignore
  const { code, stdout, stderr } = await gapo(t, ['samples', 'a', '3', '--tokens'], { GAPO_COORDINATOR: coordinator });
  assert.equal(code, 0, stderr);
  assert.deepEqual(stdout.split('\n').slice(3, 10), [
    '  short -0.500 (+0.25), vowels no score: timed out, 4 tokens',
    '    text 0',
    '    log-probability  short   vowels  token',
    '    -0.500           +0.500  -0.250  " hi"',
    '    -2.000           +0.500  -0.250  "\\u001b\\u009b\\u202e"',
    '  short -0.500 (+0.25), vowels no score: timed out, 4 tokens',
    '    text 1',
  ]);
  assert.match(stdout, /the tokens of this step were not kept$/m);
});

test('mutually exclusive orders, and a step with --prompt, are refused by name', async (t) => {
  const two = await gapo(t, ['samples', 'a', '--worst', 'short', '--longest']);
  assert.deepEqual([two.code, /--worst and --longest are sort orders: give only one/.test(two.stderr)], [2, true]);
  const both = await gapo(t, ['samples', 'a', '2', '--prompt', 'ab']);
  assert.deepEqual(
    [both.code, /--prompt shows a prompt at every step .* leave out the step 2/.test(both.stderr)],
    [2, true],
  );
});
