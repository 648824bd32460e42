// Reward services over real connections: batches, orientation and retries; no failure becomes a number.
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { at } from '@gapo/numeric';
import { RpcError, type DescribeResponseInput, type Item } from '@gapo/rpc';
import { logger } from '@gapo/service';
import { itemOf, rewardServer, scoring, type Scorer, type TestReward } from '../fixtures/world.fixture.js';
import { PauseNeeded, RunFailure } from '../state/interruption.js';
import { RewardSource } from './rewardSource.js';
import { atOnce, scoreItems, type ObjectiveScores } from './scoring.js';

const forever = new AbortController().signal;

function items(count: number): Item[] {
  return Array.from({ length: count }, (_, i) => itemOf(`i${i}`, 'p', 'x'.repeat(i)));
}

async function sourceOf(
  t: TestContext,
  answer: Scorer,
  describe: DescribeResponseInput = {},
  objective = 'length',
  timeoutMs = 5000,
): Promise<{ source: RewardSource; reward: TestReward }> {
  const reward = await rewardServer(t, objective, answer, describe);
  const source = new RewardSource({ objective, target: reward.address, timeoutMs, log: logger('test') });
  t.after(() => source.close());
  await source.describe('starting');
  return { source, reward };
}

const lengths = scoring((completion) => completion.length);

test('batches have at most the size that the service accepts, and scores keep the items’ order', async (t) => {
  const { source, reward } = await sourceOf(t, lengths, { maxBatch: 4 });
  const { values, failures, latencyMs } = await source.score(items(10), forever);
  assert.deepEqual(values, [...Array(10).keys()]);
  assert.deepEqual(failures, []);
  assert.deepEqual([...reward.batches].sort(), [2, 4, 4]);
  assert.ok(latencyMs > 0);
});

test('if lower is better, scores and threshold are negated', async (t) => {
  const { source } = await sourceOf(t, lengths, { orientation: 'ORIENTATION_LOWER_IS_BETTER', threshold: 3 });
  assert.deepEqual((await source.score(items(3), forever)).values, [-0, -1, -2]);
  assert.equal(source.threshold, -3);
});

test('non-finite scores, missing and surplus results, wrong ids and item errors are failures of their items', async (t) => {
  const { source, reward } = await sourceOf(t, lengths, { maxBatch: 3 });
  const expectations: [Scorer, (number | undefined)[], RegExp][] = [
    [scoring((completion) => (completion.length === 1 ? Number.NaN : 1)), [1, undefined, 1], /the score is NaN/],
    [scoring((completion) => (completion.length === 2 ? Infinity : 1)), [1, 1, undefined], /the score is Infinity/],
    [
      ({ items: asked }) => ({ results: asked.slice(1).map(({ id }) => ({ id, score: 1 })) }),
      [undefined, undefined, undefined],
      /result 0 is for item "i1", expected "i0"/,
    ],
    [
      ({ items: asked }) => ({ results: asked.slice(0, 2).map(({ id }) => ({ id, score: 1 })) }),
      [1, 1, undefined],
      /2 results came back for 3 items/,
    ],
    [
      ({ items: asked }) => ({ results: [...asked, { id: 'i3' }].map(({ id }) => ({ id, score: 1 })) }),
      [undefined, undefined, undefined],
      /4 results came back for 3 items/,
    ],
    [
      ({ items: asked }) => ({ results: asked.map(({ id }, i) => (i === 1 ? { id } : { id, score: 1 })) }),
      [1, undefined, 1],
      /neither score nor error/,
    ],
    [
      ({ items: asked }) => ({
        results: asked.map(({ id }, i) => (i === 0 ? { id, error: { message: 'too long' } } : { id, score: 1 })),
      }),
      [undefined, 1, 1],
      /too long/,
    ],
  ];
  for (const [answer, values, message] of expectations) {
    reward.answer = answer;
    const scores = await source.score(items(3), forever);
    assert.deepEqual(scores.values, values);
    assert.deepEqual(
      scores.failures.map(({ index }) => index),
      [0, 1, 2].filter((i) => values[i] === undefined),
    );
    assert.match(at(scores.failures, 0).message, message);
  }
});

test('retryable calls and retryable items are retried', async (t) => {
  let calls = 0;
  const { source } = await sourceOf(t, (request, signal) => {
    calls += 1;
    if (calls === 1) throw new RpcError('UNAVAILABLE', 'restarting');
    if (calls === 2) {
      return {
        results: request.items.map(({ id }, i) =>
          i === 1 ? { id, error: { message: 'busy', retryable: true } } : { id, score: 5 },
        ),
      };
    }
    assert.deepEqual(
      request.items.map(({ id }) => id),
      ['i1'],
    );
    return lengths(request, signal);
  });
  assert.deepEqual((await source.score(items(3), forever)).values, [5, 1, 5]);
});

test('a call is retried five times, after delays that double up to a fifth of the time for it', async (t) => {
  const timeoutMs = 4000;
  const calls: number[] = [];
  const { source } = await sourceOf(
    t,
    () => {
      calls.push(performance.now());
      throw new RpcError('UNAVAILABLE', 'restarting');
    },
    {},
    'length',
    timeoutMs,
  );
  await source.score(items(1), forever);
  assert.equal(calls.length, 6);
  const delays = calls.slice(1).map((time, i) => time - at(calls, i));
  const longest = [1 / 15, 2 / 15, 1 / 5, 1 / 5, 1 / 5].map((share) => share * timeoutMs);
  // Jitter shortens a delay by up to half, and a timer may fire a millisecond early.
  for (const [i, delay] of delays.entries()) assert.ok(delay >= at(longest, i) / 2 - 1, `${delays.join(', ')} ms`);
});

test('a call that hangs is not retried, and every item of it fails', async (t) => {
  let calls = 0;
  const { source } = await sourceOf(
    t,
    () => {
      calls += 1;
      return new Promise(() => undefined);
    },
    {},
    'length',
    100,
  );
  const { values, failures } = await source.score(items(2), forever);
  assert.deepEqual(values, [undefined, undefined]);
  assert.match(at(failures, 0).message, /^DEADLINE_EXCEEDED: /);
  assert.equal(calls, 1);
});

test('the error for a service that does not answer Describe names its address', async (t) => {
  const reward = await rewardServer(t, 'length', lengths);
  await reward.stop();
  const source = new RewardSource({
    objective: 'length',
    target: reward.address,
    timeoutMs: 1000,
    log: logger('test'),
  });
  t.after(() => source.close());
  await assert.rejects(source.describe('starting'), (error) => {
    assert.match(
      String(error),
      new RegExp(`reward service of length at ${reward.address} does not answer: .*start it, or correct`),
    );
    return true;
  });
});

test('failure policies: fail and pause throw; drop removes the item for every objective', async (t) => {
  const good = await sourceOf(t, lengths, {}, 'good');
  const holes = await sourceOf(
    t,
    scoring((completion) => (completion.length === 1 ? Number.NaN : 7)),
    {},
    'holes',
  );
  const observed: ObjectiveScores[] = [];
  const progress: string[] = [];
  const observer = {
    progress: (done: number, total: number, waitingFor: string) => void progress.push(`${done}/${total} ${waitingFor}`),
    scored: (scores: ObjectiveScores) => void observed.push(scores),
  };
  const run = (onFailure: 'pause' | 'drop' | 'fail') =>
    scoreItems(
      [
        { source: good.source, onFailure: 'pause' },
        { source: holes.source, onFailure },
      ],
      atOnce(3, async () => items(3)),
      'step 4',
      forever,
      observer,
    );
  const dropped = await run('drop');
  assert.deepEqual(dropped.kept, [0, 2]);
  assert.deepEqual(
    dropped.scores.map((row) => [...row]),
    [
      [0, 2],
      [7, 7],
    ],
  );
  assert.equal(observed.find(({ objective }) => objective === 'holes')?.mean, 7);
  assert.match(at(progress, 0), /^0\/6 reward good, holes$/);
  assert.equal(progress.at(-1), '6/6 ');
  const message =
    /objective holes at 127\.0\.0\.1:\d+ has no score for 1 of 3 completions of step 4 \(i1: the score is NaN\); fix the reward service/;
  await assert.rejects(run('pause'), (error) => error instanceof PauseNeeded && message.test(error.message));
  await assert.rejects(run('fail'), (error) => error instanceof RunFailure && message.test(error.message));
});

test('progress names the services that are waited for', async (t) => {
  const quick = await sourceOf(t, lengths, {}, 'quick');
  let release = (): void => undefined;
  const released = new Promise<void>((resolve) => (release = resolve));
  const slow = await sourceOf(t, async (request, signal) => (await released, lengths(request, signal)), {}, 'slow');
  const waits: string[] = [];
  await scoreItems(
    [
      { source: quick.source, onFailure: 'fail' },
      { source: slow.source, onFailure: 'fail' },
    ],
    atOnce(2, async () => items(2)),
    'step 1',
    forever,
    {
      progress: (_done, _total, waitingFor) => void waits.push(waitingFor),
      scored: ({ objective }) => {
        if (objective === 'quick') release();
      },
    },
  );
  assert.deepEqual(waits, ['reward quick, slow', 'reward slow', '']);
});

test('progress is reported again with the time while a service does not answer', async (t) => {
  let release = (): void => undefined;
  const released = new Promise<void>((resolve) => (release = resolve));
  const { source } = await sourceOf(
    t,
    async (request, signal) => (await released, lengths(request, signal)),
    {},
    'slow',
  );
  const waits = new Set<string>();
  const progress = (_done: number, _total: number, waitingFor: string): void => {
    waits.add(waitingFor);
    if (waitingFor.startsWith('reward slow for ')) release();
  };
  const startedAt = performance.now();
  const observer = { progress, scored: () => undefined };
  await scoreItems(
    [{ source, onFailure: 'fail' }],
    atOnce(2, async () => items(2)),
    'step 1',
    forever,
    observer,
    500,
  );
  const most = Math.round((performance.now() - startedAt) / 1000);
  const words = [...waits];
  assert.deepEqual([words[0], words.at(-1)], ['reward slow', '']);
  const times = words.slice(1, -1).map((text) => Number(/^reward slow for (\d+) s$/.exec(text)?.[1]));
  assert.ok(times.length > 0 && times.every((seconds) => seconds >= 1 && seconds <= most), words.join('; '));
});

test('parts are scored as they arrive: no call mixes two, and scores and failures are in the parts’ order', async (t) => {
  const calls: string[][] = [];
  const scorer = scoring((completion) => (completion === 'x' ? Number.NaN : completion.length));
  const { source } = await sourceOf(t, (request, signal) => {
    calls.push(request.items.map(({ id }) => id));
    return scorer(request, signal);
  });
  const all = items(6);
  const [first, second, third] = [all.slice(0, 2), all.slice(2, 3), all.slice(3)];
  let arrive: Record<'first' | 'third', () => void> = { first: () => undefined, third: () => undefined };
  const when = (name: keyof typeof arrive, part: readonly Item[]): Promise<readonly Item[]> =>
    new Promise((resolve) => (arrive = { ...arrive, [name]: () => resolve(part) }));
  const parts = [when('first', first), Promise.resolve(second), when('third', third)];
  const processed: number[] = [];
  const { values, failures } = await source.scoreParts(parts, forever, (done) => {
    processed.push(done);
    if (done === 1) arrive.third();
    if (done === 4) arrive.first();
  });
  assert.deepEqual(values, [0, undefined, 2, 3, 4, 5]);
  assert.deepEqual(
    failures.map(({ index }) => index),
    [1],
  );
  assert.deepEqual(processed, [1, 4, 6]);
  assert.deepEqual(calls, [['i2'], ['i3', 'i4', 'i5'], ['i0', 'i1']]);
});

test('a part that fails rejects the scores with its reason', async (t) => {
  const { source } = await sourceOf(t, lengths);
  const lost = Promise.reject(new Error('no such shard'));
  await assert.rejects(source.scoreParts([Promise.resolve(items(2)), lost], forever), /^Error: no such shard$/);
});
