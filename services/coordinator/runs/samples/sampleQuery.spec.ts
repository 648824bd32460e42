// Requests for completions.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RpcError, type RpcCode, type Sample, type SampleScoreInput, type SampleToken } from '@gapo/rpc';
import { someSample } from './sample.fixture.js';
import { findSample, querySamples, type SamplePage, type SampleQuery } from './sampleQuery.js';

const all: SampleQuery = { promptId: '', order: 'SAMPLE_ORDER_UNSPECIFIED', objective: '', unfinished: false, search: '', pageSize: 0, pageToken: '' }; // prettier-ignore

const scores = (...given: (readonly [number | undefined, number | undefined])[]): SampleScoreInput[] =>
  given.map(([score, advantage], k) => ({
    objective: ['short', 'vowels'][k] ?? '',
    ...(score === undefined ? { failure: 'timed out' } : { score }),
    ...(advantage !== undefined && { advantage }),
  }));

const first = [
  someSample({ step: 1, sample: 0, completion: 'Alpha', tokens: 2, scores: scores([1, 0.5], [4, 0.5]) }),
  someSample({ step: 1, sample: 1, completion: 'beta', tokens: 9, finished: false, scores: scores([3, 2], [1, -1]) }),
  someSample({ step: 1, sample: 2, completion: 'gamma', tokens: 5, scores: scores([undefined, undefined], [0, undefined]) }),
  someSample({ step: 1, sample: 3, promptId: 'other', promptText: 'ALP', completion: 'd', tokens: 5, scores: scores([0, -3], [2, 4]) }),
]; // prettier-ignore
const third = [someSample({ step: 3, completion: 'later' })];

const tokensOf = ({ completion }: Sample): SampleToken[] =>
  [...completion].map((text) => ({ text, logprob: -1, advantages: [] }));

/** Step files in which each completion has one token per character. */
const files = (records: Readonly<Record<number, readonly Sample[]>>) => ({
  steps: async () => Object.keys(records).map(Number),
  read: async (step: number) => {
    const samples = records[step];
    return samples && { step, version: step - 1, sampled: 8, samples };
  },
  readOne: async (step: number, prompt: number, sample: number) => {
    const found = records[step]?.find((each) => each.prompt === prompt && each.sample === sample);
    return found && { ...found, tokenList: tokensOf(found) };
  },
});

const ask = (query: Partial<SampleQuery>, records = { 1: first, 3: third }): Promise<SamplePage> =>
  querySamples(files(records), { ...all, ...query }, 'a', new AbortController().signal);

const texts = ({ samples }: SamplePage): string => samples.map(({ completion }) => completion).join(' ');

test('a request without a step gets the newest one, and a prompt is followed over steps', async () => {
  const { samples, ...page } = await ask({});
  assert.deepEqual(
    [samples, page],
    [third, { steps: [1, 3], step: 3, version: 2, sampled: 8, kept: 1, nextPageToken: '', total: 1 }],
  );
  const followed = await ask({ promptId: 'ab'.repeat(8) });
  assert.deepEqual(
    [texts(followed), followed.samples.map(({ step }) => step), followed.step],
    ['Alpha beta gamma later', [1, 1, 1, 3], undefined],
  );
});

test('the steps of a prompt are read no further once the caller has gone', async () => {
  const calling = new AbortController();
  const { steps, read } = files({ 1: first, 3: third });
  const asked: number[] = [];
  const leaving = (step: number) => {
    asked.push(step);
    calling.abort(new Error('the caller has gone'));
    return read(step);
  };
  const query = { ...all, promptId: 'ab'.repeat(8) };
  await assert.rejects(querySamples({ steps, read: leaving }, query, 'a', calling.signal), /the caller has gone/);
  assert.deepEqual(asked, [1]);
});

test('orders and filters', async () => {
  const step = 1;
  assert.equal(texts(await ask({ step })), 'Alpha beta gamma d');
  const worst = { step, order: 'SAMPLE_ORDER_WORST' } as const;
  assert.equal(texts(await ask({ ...worst, objective: 'short' })), 'd Alpha beta gamma', 'without a score last');
  assert.equal(texts(await ask({ ...worst, objective: 'vowels' })), 'gamma beta d Alpha');
  // Advantages 2 and -1 conflict by 1, -3 and 4 by 3, and 0.5 and 0.5 not at all.
  assert.equal(texts(await ask({ step, order: 'SAMPLE_ORDER_CONFLICT' })), 'd beta');
  assert.equal(texts(await ask({ step, order: 'SAMPLE_ORDER_LONGEST' })), 'beta gamma d Alpha');
  assert.equal(texts(await ask({ step, unfinished: true })), 'beta');
  assert.equal(texts(await ask({ step, search: 'alp' })), 'Alpha d', 'in prompts and completions, in either case');
});

test('pages hold what fits', async () => {
  const one = await ask({ step: 1, pageSize: 3 });
  assert.deepEqual([texts(one), one.nextPageToken, one.total], ['Alpha beta gamma', '3', 4]);
  const two = await ask({ step: 1, pageSize: 3, pageToken: one.nextPageToken });
  assert.deepEqual([texts(two), two.nextPageToken], ['d', '']);
  const long = Array.from({ length: 100 }, () => someSample({ promptText: 'é'.repeat(16_384), completion: '語'.repeat(16_384) })); // prettier-ignore
  const page = await ask({ pageSize: 100 }, { 1: long, 3: long });
  assert.deepEqual([page.samples.length, page.nextPageToken, page.total], [12, '12', 100]);
});

test('errors name what is wrong', async () => {
  const rejects = (
    query: Partial<SampleQuery>,
    code: RpcCode,
    text: RegExp,
    records?: Record<1 | 3, readonly Sample[]>,
  ) =>
    assert.rejects(ask(query, records as never), (error: unknown) => {
      assert.ok(error instanceof RpcError && error.code === code, String(error));
      assert.match(error.details, text);
      return true;
    });
  await rejects({ step: 2 }, 'NOT_FOUND', /run a has no completions of step 2: it keeps those of the steps 1, 3/);
  await rejects(
    { step: 2 },
    'NOT_FOUND',
    /no completions of step 2: it keeps none yet, or samples is off/,
    {} as never,
  );
  assert.deepEqual(await ask({}, {} as never), { steps: [], samples: [], nextPageToken: '', total: 0 });
  await rejects({ promptId: 'none' }, 'NOT_FOUND', /run a keeps no completion of the prompt none/);
  await rejects({ promptId: 'x', step: 1 }, 'INVALID_ARGUMENT', /^step: found 1, expected none with prompt_id/);
  const order = 'SAMPLE_ORDER_WORST';
  await rejects({ order }, 'INVALID_ARGUMENT', /^objective: found "", expected the objective whose lowest/);
  await rejects(
    { order, step: 1, objective: 'x' },
    'INVALID_ARGUMENT',
    /^objective: found "x", .* one of short, vowels/,
  );
  await rejects(
    { order, promptId: 'other', objective: 'x' },
    'INVALID_ARGUMENT',
    /^objective: found "x", expected an objective of the prompt other, one of short, vowels/,
  );
  await rejects({ objective: 'short' }, 'INVALID_ARGUMENT', /^objective: found "short", expected none without/);
  await rejects({ pageSize: 101 }, 'INVALID_ARGUMENT', /^page_size: found 101, expected at most 100/);
  await rejects({ pageToken: '-1' }, 'INVALID_ARGUMENT', /^page_token: found "-1"/);
  await rejects(
    { search: 'a'.repeat(201) },
    'INVALID_ARGUMENT',
    /^search: found "201 characters", expected at most 200/,
  );
});

test('one completion has its tokens; what is not kept is named', async () => {
  const records = { 3: [someSample({ step: 3, prompt: 2, sample: 1, completion: 'ab' })] };
  const one = await findSample(files(records), { step: 3, prompt: 2, sample: 1 }, 'a');
  assert.deepEqual(one.tokenList.map(({ text }) => text), ['a', 'b']); // prettier-ignore
  const refused = (step: number, prompt: number, details: string): Promise<void> =>
    assert.rejects(
      findSample(files(records), { step, prompt, sample: 1 }, 'a'),
      (error) => error instanceof RpcError && error.code === 'NOT_FOUND' && error.details === details,
    );
  await refused(3, 1, 'run a keeps no completion 1 of the prompt 1 of step 3');
  await refused(2, 2, 'run a has no completions of step 2: it keeps those of the steps 3');
});
