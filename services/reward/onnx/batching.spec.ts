/**
 * Concurrent calls on real sessions, over real gRPC: which runs they share (by the spans of the runs), that nobody's score
 * is another's, and what leaves the queue without a run.
 */
import assert from 'node:assert/strict';
import { type TestContext, describe, test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Scorer } from '@gapo/reward';
import { type Owner, type RewardClient, served, temporaryDirectory } from '@gapo/reward/testing';
import { type ItemInput, RpcError } from '@gapo/rpc';
import { recordedSpans } from '@gapo/tracing/testing';
import fc from 'fast-check';
import { ClassifierHost, type HostOptions } from './classifierHost.js';
import { type TinyOptions, tinyLogits, tinyPair, tinyTokens, writeTinyClassifier } from './tinyClassifier.fixture.js';

/** Calls of tests wait for their answers, however busy the machine is. */
const deadlineMs = Infinity;
/** Longer than any test: what is answered did not wait for it. */
const never = 3_600_000;
/** Rows of the first run of 16 tokens. */
const fullRun = 64;

const spans = recordedSpans();

/** The runs so far: how many sequences, how long, of how many calls. */
const runs = (): { sequences: unknown; length: unknown; calls: unknown }[] =>
  spans.all('gapo.reward.run').map(({ attributes }) => ({
    sequences: attributes['gapo.sequences'],
    length: attributes['gapo.sequence.length'],
    calls: attributes['gapo.calls'],
  }));

async function tinyHost(
  t: Owner,
  options: Partial<HostOptions>,
  ...classifiers: readonly TinyOptions[]
): Promise<readonly Scorer[]> {
  const directories = await Promise.all(
    classifiers.map(async (classifier) => {
      const directory = await temporaryDirectory(t);
      await writeTinyClassifier(directory, classifier);
      return { directory };
    }),
  );
  return (await ClassifierHost.open(directories, { threads: 1, ...options })).scorers;
}

async function tinyService(
  t: TestContext,
  options: Partial<HostOptions>,
  classifier: TinyOptions = {},
): Promise<RewardClient> {
  const [scorer] = await tinyHost(t, options, classifier);
  return served(t, scorer!);
}

/** Items of 16 tokens at the most. */
const short = (count: number, first = 0): ItemInput[] =>
  Array.from({ length: count }, (_, k) => ({ id: `${first + k}`, prompt: 'p', completion: `${first + k}` }));

const scoresOf = ({ results }: Awaited<ReturnType<RewardClient['Score']>>): (number | undefined)[] =>
  results.map(({ score }) => score);

function near(found: number | undefined, expected: number): void {
  assert.ok(found !== undefined && Math.abs(found - expected) < 1e-5, `found ${found}, expected ${expected}`);
}

describe('calls that come at the same time', () => {
  test('share a run as soon as they fill it, each with its own score', async (t) => {
    const client = await tinyService(t, { batchWaitMs: never });
    const answers = await Promise.all(short(fullRun).map((item) => client.Score({ items: [item] }, { deadlineMs })));
    assert.deepEqual(runs(), [{ sequences: fullRun, length: 16, calls: fullRun }]);
    for (const [k, answer] of answers.entries()) {
      assert.deepEqual(
        answer.results.map(({ id }) => id),
        [`${k}`],
      );
      near(scoresOf(answer)[0], tinyLogits(tinyTokens('p', `${k}`))[0]!);
    }
  });

  test('run by length: a call of short and long items is answered in its own order', async (t) => {
    const client = await tinyService(t, { batchWaitMs: 20 });
    const completions = ['a', 'x'.repeat(60), 'b', 'y'.repeat(60), 'z'.repeat(30)];
    const items = (call: number): ItemInput[] =>
      completions.map((completion, k) => ({ id: `${k}`, prompt: `${call}`, completion }));
    const answers = await Promise.all([0, 1, 2].map((call) => client.Score({ items: items(call) }, { deadlineMs })));
    for (const [call, answer] of answers.entries()) {
      for (const [k, score] of scoresOf(answer).entries()) {
        near(score, tinyLogits(tinyTokens(`${call}`, completions[k]!))[0]!);
      }
    }
    const ofLength = (wanted: number): number =>
      runs().reduce((sum, { sequences, length }) => sum + (length === wanted ? Number(sequences) : 0), 0);
    assert.deepEqual([16, 48, 80].map(ofLength), [6, 3, 6]);
  });

  test('a lone call is answered though nobody joins it', async (t) => {
    const client = await tinyService(t, { batchWaitMs: 20 });
    const answer = await client.Score({ items: short(3) }, { deadlineMs });
    near(scoresOf(answer)[2], tinyLogits(tinyTokens('p', '2'))[0]!);
    assert.deepEqual(runs(), [{ sequences: 3, length: 16, calls: 1 }]);
  });

  test("the run stands in the first call's trace and is linked to the others'", async (t) => {
    const client = await tinyService(t, { batchWaitMs: never });
    const halves = [short(fullRun / 2), short(fullRun / 2, fullRun / 2)];
    await Promise.all(halves.map((items) => client.Score({ items }, { deadlineMs })));
    const calls = spans.all('gapo.reward.score').map((span) => span.spanContext().spanId);
    const run = spans('gapo.reward.run');
    const related = [run.parentSpanContext?.spanId, ...run.links.map(({ context }) => context.spanId)];
    assert.deepEqual(related.sort(), calls.sort());
  });
});

describe('whatever shares a run', () => {
  /** The example's classifier: a decoder with attention, on two threads. */
  const directory = fileURLToPath(new URL('../../../../examples/assistant/models/helpful', import.meta.url));
  const words = ['How', 'do', 'I', 'reset', 'my', 'headset', '?', 'Please', 'über', '漢字', '🙂', 'the', 'printer'];
  const text = fc.array(fc.constantFrom(...words), { maxLength: 30 }).map((drawn) => drawn.join(' '));
  const item = fc.record({ prompt: text, completion: text });

  test('a score is the same, bit for bit, and goes to its item', async (t) => {
    const host = await ClassifierHost.open([{ directory }], { threads: 2, batchWaitMs: 1 });
    const client = await served(t, host.scorers[0]!);
    const alone = new Map<string, number | undefined>();
    const numbered = (items: readonly { prompt: string; completion: string }[]): ItemInput[] =>
      items.map((one, k) => ({ id: `${k}`, ...one }));
    await fc.assert(
      fc.asyncProperty(fc.array(fc.array(item, { maxLength: 12 }), { minLength: 1, maxLength: 6 }), async (calls) => {
        const answers = await Promise.all(
          calls.map((items) => client.Score({ items: numbered(items) }, { deadlineMs })),
        );
        for (const [c, items] of calls.entries()) {
          for (const [k, one] of items.entries()) {
            const key = JSON.stringify(one);
            if (!alone.has(key)) {
              alone.set(key, scoresOf(await client.Score({ items: numbered([one]) }, { deadlineMs }))[0]);
            }
            assert.equal(typeof alone.get(key), 'number');
            assert.equal(scoresOf(answers[c]!)[k], alone.get(key));
          }
        }
      }),
      { numRuns: 15 },
    );
    assert.ok(
      runs().some(({ calls }) => Number(calls) > 1),
      'some runs were shared',
    );
  });
});

describe('what never runs', () => {
  /** Scores a full run: answered at once, where nothing else is in the way. */
  async function fullCall(client: RewardClient): Promise<void> {
    // Until the server has heard that the other call is over, its items are in the way.
    for (;;) {
      try {
        await client.Score({ items: short(fullRun, 5000) }, { deadlineMs });
        return;
      } catch (error) {
        if (RpcError.from(error).code !== 'RESOURCE_EXHAUSTED') throw error;
        await setImmediate();
      }
    }
  }

  test('a call over the bound of the queue is refused at once, and a cancelled one makes room for the next', async (t) => {
    const client = await tinyService(t, { batchWaitMs: never, queueItems: fullRun });
    const given = new AbortController();
    const waiting = client.Score({ items: short(40) }, { deadlineMs, signal: given.signal });
    await assert.rejects(client.Score({ items: short(25, 100) }, { deadlineMs }), {
      code: 'RESOURCE_EXHAUSTED',
      details:
        '40 items wait already, and 25 more would be over the 64 that may (QUEUE_ITEMS); call again later, or run more replicas of this service',
    });
    given.abort();
    await assert.rejects(waiting, { code: 'CANCELLED' });
    await fullCall(client);
    assert.deepEqual(runs(), [{ sequences: fullRun, length: 16, calls: 1 }]);
  });

  test('a call whose deadline has passed leaves the queue', async (t) => {
    const client = await tinyService(t, { batchWaitMs: never, queueItems: fullRun });
    await assert.rejects(client.Score({ items: short(40) }, { deadlineMs: 50 }), { code: 'DEADLINE_EXCEEDED' });
    await fullCall(client);
    assert.deepEqual(runs(), [{ sequences: fullRun, length: 16, calls: 1 }]);
  });

  test('a call larger than the whole queue is taken where nothing else waits', async (t) => {
    const client = await tinyService(t, { batchWaitMs: 0, queueItems: 2 });
    assert.equal(scoresOf(await client.Score({ items: short(9) }, { deadlineMs })).length, 9);
  });

  test('items that cannot be encoded have their reason, and the others their scores', async (t) => {
    const client = await tinyService(t, { batchWaitMs: 0 });
    const items = [...short(2), { id: 'long', prompt: '', completion: 'x'.repeat(200) }, ...short(1, 9)];
    const { results } = await client.Score({ items }, { deadlineMs });
    assert.deepEqual(
      results.map(({ id, error }) => [id, error?.message]),
      [
        ['0', undefined],
        ['1', undefined],
        ['long', 'the completion alone is longer than max_tokens 128; shorten it to be scored'],
        ['9', undefined],
      ],
    );
    near(results[3]?.score, tinyLogits(tinyTokens('p', '9'))[0]!);
  });
});

describe('several classifiers in a process', () => {
  test('each scores by its own model at its own address, and they never share a run', async (t) => {
    const scorers = await tinyHost(
      t,
      { batchWaitMs: 5 },
      { config: { gapo_reward: { objective: 'plain' } } },
      { labels: 2, config: { gapo_reward: { objective: 'second', label: 1, function_to_apply: 'softmax' } } },
    );
    const clients: RewardClient[] = [];
    for (const scorer of scorers) clients.push(await served(t, scorer));
    const [plain, second] = await Promise.all(
      clients.map((client) => client.Score({ items: short(8) }, { deadlineMs })),
    );
    for (let k = 0; k < 8; k++) {
      const ids = tinyTokens('p', `${k}`);
      near(scoresOf(plain!)[k], tinyLogits(ids)[0]!);
      const [a, b] = tinyLogits(ids, 2).map(Math.exp) as [number, number];
      near(scoresOf(second!)[k], b / (a + b));
    }
    assert.deepEqual(
      runs().map(({ sequences }) => sequences),
      [8, 8],
    );
    const described = await clients[1]!.Describe({}, { deadlineMs });
    assert.deepEqual([described.objective, described.minimum, described.maximum], ['second', 0, 1]);
  });

  test('a pair reaches a model that takes token_type_ids as two segments', async (t) => {
    const yaml = 'objective: pair\ninput: pair\n';
    const client = await tinyService(t, { batchWaitMs: 0 }, { segments: true, rewardYaml: yaml });
    const items = [{ id: 'a', prompt: 'How?', completion: 'So.' }];
    const [score] = scoresOf(await client.Score({ items }, { deadlineMs }));
    // The fixture adds the sum of the segments: of the completion's three bytes and the token that ends it.
    near(score, tinyLogits(tinyPair('How?', 'So.'))[0]! + 4);
  });
});
