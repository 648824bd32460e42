/**
 * Concurrent calls on real sessions, over real gRPC: which runs they share (according to the runs' spans), that each call
 * gets its own scores, and what leaves the queue without a run.
 */
import assert from 'node:assert/strict';
import { type TestContext, describe, test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { at, required } from '@gapo/numeric';
import type { Scorer } from '@gapo/reward';
import { type RewardClient, served } from '@gapo/reward/testing';
import { type ItemInput, RpcError } from '@gapo/rpc';
import { type Owner, temporaryDirectory } from '@gapo/service/testing';
import { recordedSpans } from '@gapo/tracing/testing';
import fc from 'fast-check';
import { ClassifierHost, type HostOptions } from './classifierHost.js';
import { type TinyOptions, tinyLogits, tinyPair, tinyTokens, writeTinyClassifier } from './tinyClassifier.fixture.js';

/** Calls have no deadline because the machine may be busy. */
const deadlineMs = Infinity;
/** Longer than any test, so a call that was answered did not wait for it. */
const never = 3_600_000;
/** Rows of the first run of 16 tokens. */
const fullRun = 64;

const spans = recordedSpans();

/** The runs so far: their number of sequences, their length and their number of calls. */
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
  return served(t, required(scorer, 'a scorer'));
}

/** The completion of a short item. */
const digits = (k: number): string => `${k}`.padStart(9, '0');

/** Items of 16 tokens once they are padded. */
const short = (count: number, first = 0): ItemInput[] =>
  Array.from({ length: count }, (_, k) => ({ id: `${first + k}`, prompt: 'p', completion: digits(first + k) }));

const scoresOf = ({ results }: Awaited<ReturnType<RewardClient['Score']>>): (number | undefined)[] =>
  results.map(({ score }) => score);

function near(found: number | undefined, expected: number | undefined): void {
  assert.ok(found !== undefined && expected !== undefined, `found ${found}, expected ${expected}`);
  assert.ok(Math.abs(found - expected) < 1e-5, `found ${found}, expected ${expected}`);
}

describe('concurrent calls', () => {
  test('share a run as soon as they fill it, each with its own score', async (t) => {
    const client = await tinyService(t, { batchWaitMs: never });
    const answers = await Promise.all(short(fullRun).map((item) => client.Score({ items: [item] }, { deadlineMs })));
    assert.deepEqual(runs(), [{ sequences: fullRun, length: 16, calls: fullRun }]);
    for (const [k, answer] of answers.entries()) {
      assert.deepEqual(
        answer.results.map(({ id }) => id),
        [`${k}`],
      );
      near(scoresOf(answer)[0], tinyLogits(tinyTokens('p', digits(k)))[0]);
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
        near(score, tinyLogits(tinyTokens(`${call}`, at(completions, k)))[0]);
      }
    }
    const ofLength = (wanted: number): number =>
      runs().reduce((sum, { sequences, length }) => sum + (length === wanted ? Number(sequences) : 0), 0);
    assert.deepEqual([8, 40, 72].map(ofLength), [6, 3, 6]);
  });

  test('a lone call is answered', async (t) => {
    const client = await tinyService(t, { batchWaitMs: 20 });
    const answer = await client.Score({ items: short(3) }, { deadlineMs });
    near(scoresOf(answer)[2], tinyLogits(tinyTokens('p', digits(2)))[0]);
    assert.deepEqual(runs(), [{ sequences: 3, length: 16, calls: 1 }]);
  });

  test("the run's span belongs to the first call's trace and is linked to the others'", async (t) => {
    const client = await tinyService(t, { batchWaitMs: never });
    const halves = [short(fullRun / 2), short(fullRun / 2, fullRun / 2)];
    await Promise.all(halves.map((items) => client.Score({ items }, { deadlineMs })));
    const calls = spans.all('gapo.reward.score').map((span) => span.spanContext().spanId);
    const run = spans('gapo.reward.run');
    const related = [run.parentSpanContext?.spanId, ...run.links.map(({ context }) => context.spanId)];
    assert.deepEqual(related.sort(), calls.sort());
  });
});

describe('in a shared run', () => {
  /** The example's classifier: a decoder with attention, on two threads. */
  const directory = fileURLToPath(new URL('../../../../examples/assistant/models/helpful', import.meta.url));
  const words = ['How', 'do', 'I', 'reset', 'my', 'headset', '?', 'Please', 'über', '漢字', '🙂', 'the', 'printer'];
  const text = fc.array(fc.constantFrom(...words), { maxLength: 30 }).map((drawn) => drawn.join(' '));
  const item = fc.record({ prompt: text, completion: text });

  test('a score is the same, bit for bit, and goes to its item', async (t) => {
    const host = await ClassifierHost.open([{ directory }], { threads: 2, batchWaitMs: 1 });
    const client = await served(t, at(host.scorers, 0));
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
            assert.equal(scoresOf(at(answers, c))[k], alone.get(key));
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

describe('sequences that never run', () => {
  /** Scores a full run, which is answered immediately if the queue is empty. */
  async function fullCall(client: RewardClient): Promise<void> {
    // Until the server has noticed that the other call is over, that call's items fill the queue.
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

  test('a call that would exceed the queue is rejected at once, and a cancelled one makes room for the next', async (t) => {
    const client = await tinyService(t, { batchWaitMs: never, queueItems: fullRun });
    const given = new AbortController();
    const waiting = client.Score({ items: short(40) }, { deadlineMs, signal: given.signal });
    await assert.rejects(client.Score({ items: short(25, 100) }, { deadlineMs }), {
      code: 'RESOURCE_EXHAUSTED',
      details:
        '40 items are queued, and 25 more would exceed QUEUE_ITEMS (64); retry later, or run more replicas of this service',
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

  test('a call larger than the whole queue is accepted if the queue is empty', async (t) => {
    const client = await tinyService(t, { batchWaitMs: 0, queueItems: 2 });
    assert.equal(scoresOf(await client.Score({ items: short(9) }, { deadlineMs })).length, 9);
  });

  test('items that cannot be encoded have an error, and the others their scores', async (t) => {
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
    near(results[3]?.score, tinyLogits(tinyTokens('p', digits(9)))[0]);
  });
});

describe('several classifiers in a process', () => {
  test('each scores with its own model at its own address, and they never share a run', async (t) => {
    const scorers = await tinyHost(
      t,
      { batchWaitMs: 5 },
      { config: { gapo_reward: { objective: 'plain' } } },
      { labels: 2, config: { gapo_reward: { objective: 'second', label: 1, function_to_apply: 'softmax' } } },
    );
    const plain = await served(t, at(scorers, 0));
    const second = await served(t, at(scorers, 1));
    const [plainScores, secondScores] = await Promise.all([
      plain.Score({ items: short(8) }, { deadlineMs }).then(scoresOf),
      second.Score({ items: short(8) }, { deadlineMs }).then(scoresOf),
    ]);
    for (let k = 0; k < 8; k++) {
      const ids = tinyTokens('p', digits(k));
      near(plainScores[k], tinyLogits(ids)[0]);
      const [a, b] = tinyLogits(ids, 2).map(Math.exp) as [number, number];
      near(secondScores[k], b / (a + b));
    }
    assert.deepEqual(
      runs().map(({ sequences }) => sequences),
      [8, 8],
    );
    const described = await second.Describe({}, { deadlineMs });
    assert.deepEqual([described.objective, described.minimum, described.maximum], ['second', 0, 1]);
  });

  test('a pair reaches a model that takes token_type_ids as two segments', async (t) => {
    const yaml = 'objective: pair\ninput: pair\n';
    const client = await tinyService(t, { batchWaitMs: 0 }, { segments: true, rewardYaml: yaml });
    const items = [{ id: 'a', prompt: 'How?', completion: 'So.' }];
    const [score] = scoresOf(await client.Score({ items }, { deadlineMs }));
    // The fixture adds the sum of the segments: those of the completion's three bytes and its end token.
    near(score, at(tinyLogits(tinyPair('How?', 'So.')), 0) + 4);
  });
});
