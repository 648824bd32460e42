// Score requests stay within the item and byte limits, over real connections.
import assert from 'node:assert/strict';
import { describe, test, type TestContext } from 'node:test';
import { at } from '@gapo/numeric';
import { messageBytes, RpcError, type DescribeResponseInput, type Item } from '@gapo/rpc';
import { logger } from '@gapo/service';
import fc from 'fast-check';
import { itemOf, rewardServer, type TestReward } from '../fixtures/world.fixture.js';
import { isTooLarge, itemBytes, requestRanges } from './requestSize.js';
import { RewardSource } from './rewardSource.js';

const forever = new AbortController().signal;

/** A completion's score is its length, so that swapped items would be noticed. */
const scored = (items: readonly Item[]) => items.map(({ id, completion }) => ({ id, score: completion.length }));

describe('the ranges of requests', () => {
  test('are in order and complete, within both limits unless one item alone is above them, and no fewer would do', () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 40 }), { maxLength: 40 });
    fc.assert(
      fc.property(sizes, fc.integer({ min: 1, max: 6 }), fc.integer({ min: 1, max: 60 }), (given, items, bytes) => {
        const ranges = requestRanges(given, { items, bytes });
        assert.deepEqual(
          ranges.flatMap(([first, end]) => given.slice(first, end)),
          given,
        );
        const bytesOf = ([first, end]: readonly [number, number]): number =>
          given.slice(first, end).reduce((sum, size) => sum + size, 0);
        for (const [k, range] of ranges.entries()) {
          const [first, end] = range;
          assert.ok(end - first === 1 || (end - first <= items && bytesOf(range) <= bytes));
          const next = ranges[k + 1];
          if (next !== undefined) assert.ok(end - first === items || bytesOf([first, next[0] + 1]) > bytes);
        }
      }),
    );
  });

  test('the bytes of a request are the sum over its items', () => {
    const text = fc.string({ unit: 'binary', maxLength: 300 });
    const item = fc.record({
      id: text,
      prompt: text,
      completion: text,
      metadata: fc.dictionary(fc.string({ minLength: 1 }), text, { maxKeys: 3, noNullPrototype: true }),
      turns: fc.array(fc.record({ role: text, content: text }), { maxLength: 3 }),
    });
    fc.assert(
      fc.property(fc.array(item, { maxLength: 5 }), (items) => {
        const whole = messageBytes('gapo.reward.v1.ScoreRequest', { items });
        assert.equal(
          items.map(itemBytes).reduce((sum, bytes) => sum + bytes, 0),
          whole,
        );
      }),
    );
  });
});

test('the words of servers in several languages for a request above their limit', () => {
  const words = [
    'SERVER: Received message larger than max (4490700 vs. 4194304)',
    'Received message larger than max (4490700 vs 4194304)',
    'grpc: received message larger than max (4490700 vs. 4194304)',
    'gRPC message exceeds maximum size 4194304: 4490700',
    'Received message exceeds the maximum configured message size.',
    'Error, message length too large: found 4490700 bytes, the limit is: 4194304 bytes',
    'Error, decoded message length too large: found 4490700 bytes, the limit is: 4194304 bytes',
  ];
  for (const details of words) {
    assert.ok(isTooLarge(new RpcError('RESOURCE_EXHAUSTED', details), 4_490_700), details);
    assert.ok(!isTooLarge(new RpcError('INTERNAL', details), 4_490_700), details);
  }
  assert.ok(isTooLarge(new RpcError('OUT_OF_RANGE', at(words, 6)), 4_490_700));
  for (const details of ['too many calls wait', 'quota exceeded', 'the queue has 4096 items'])
    assert.ok(!isTooLarge(new RpcError('RESOURCE_EXHAUSTED', details), 4_490_700), details);
  // The response exceeded the client's limit: a smaller request would not help.
  const response = 'Received message larger than max (70000000 vs 67108864)';
  assert.ok(!isTooLarge(new RpcError('RESOURCE_EXHAUSTED', response), 4_490_700));
});

describe('a reward service', () => {
  interface Service {
    readonly source: RewardSource;
    readonly reward: TestReward;
    /** The size in bytes of each request received. */
    readonly bytes: number[];
  }

  /**
   * @param receives the size in bytes above which it refuses a request, with the error message of
   * gRPC's C core
   */
  async function serviceOf(t: TestContext, describe: DescribeResponseInput, receives = Infinity): Promise<Service> {
    const bytes: number[] = [];
    const reward = await rewardServer(
      t,
      'length',
      (request) => {
        const size = messageBytes('gapo.reward.v1.ScoreRequest', request);
        if (size > receives) {
          const words = `SERVER: Received message larger than max (${size} vs. ${receives})`;
          throw new RpcError('RESOURCE_EXHAUSTED', words);
        }
        bytes.push(size);
        return { results: scored(request.items), version: '1' };
      },
      describe,
    );
    const options = { objective: 'length', target: reward.address, timeoutMs: 600_000, log: logger('test') };
    const source = new RewardSource(options);
    t.after(() => source.close());
    await source.describe('none');
    return { source, reward, bytes };
  }

  const longItems = (count: number, length: number): Item[] =>
    Array.from({ length: count }, (_, i) => itemOf(`i${i}`, 'p', 'x'.repeat(length + i)));
  const lengths = (items: readonly Item[]): number[] => items.map(({ completion }) => completion.length);

  test('that states no limit gets requests of less than 3 MiB, with scores in order', async (t) => {
    const { source, bytes } = await serviceOf(t, { maxBatch: 256 });
    const items = longItems(60, 75_000);
    assert.deepEqual((await source.score(items, forever)).values, lengths(items));
    assert.equal(bytes.length, 2);
    assert.ok(bytes.every((size) => size <= 3 * 2 ** 20));
  });

  test('gets requests up to the bytes that it states, and never an item above them', async (t) => {
    const { source, bytes } = await serviceOf(t, { maxBatch: 256, maxBytes: 10_000 });
    const items = [...longItems(5, 4000), itemOf('long', 'p', 'x'.repeat(10_000)), itemOf('last', 'p', 'y')];
    const { values, failures } = await source.score(items, forever);
    assert.deepEqual(values, [4000, 4001, 4002, 4003, 4004, undefined, 1]);
    assert.match(
      at(failures, 0).message,
      /^the item has 100\d\d bytes, but the service receives 10000 \(max_bytes of Describe\); shorten it, or raise/,
    );
    assert.ok(bytes.length === 4 && bytes.every((size) => size <= 10_000), bytes.join());
  });

  test('that refuses a request for its size gets halves of it, and smaller requests from then on', async (t) => {
    const { source, reward, bytes } = await serviceOf(t, { maxBatch: 256 }, 20_000);
    const items = longItems(16, 4000);
    assert.deepEqual((await source.score(items, forever)).values, lengths(items));
    const refused = reward.batches.length - bytes.length;
    assert.deepEqual([refused, bytes.length], [3, 4], reward.batches.join());
    const others = longItems(16, 5000);
    assert.deepEqual((await source.score(others, forever)).values, lengths(others));
    assert.equal(reward.batches.length - bytes.length, refused, 'no further request is refused');
  });

  test('that does not receive even one item by itself: an error of the item that says so', async (t) => {
    const { source } = await serviceOf(t, { maxBatch: 256 }, 20_000);
    const items = [...longItems(2, 4000), itemOf('long', 'p', 'x'.repeat(30_000)), itemOf('last', 'p', 'y')];
    const { values, failures } = await source.score(items, forever);
    assert.deepEqual(values, [4000, 4001, undefined, 1]);
    assert.match(
      at(failures, 0).message,
      /^the item has 300\d\d bytes, more than the service receives \(SERVER: Received .*\); raise its limit .*max_bytes/,
    );
  });

  test('stays in use however often it refuses a request for its size', async (t) => {
    const { source } = await serviceOf(t, { maxBatch: 256 }, 1000);
    const { failures } = await source.score(longItems(16, 4000), forever);
    assert.equal(failures.length, 16);
    assert.deepEqual((await source.score(longItems(3, 10), forever)).values, [10, 11, 12]);
  });
});
