// Protection of a run from an unreliable reward service: start-up, the score cache, the circuit breaker, hedging,
// outliers.
import assert from 'node:assert/strict';
import { describe, test, type TestContext } from 'node:test';
import { at } from '@gapo/numeric';
import { implement, RpcError, serve, type Item } from '@gapo/rpc';
import { logger } from '@gapo/service';
import { itemOf, rewardServer, scoring, type Scorer, type TestReward } from '../fixtures/world.fixture.js';
import { CircuitBreaker } from './circuitBreaker.js';
import { hedged } from './hedge.js';
import { RewardSource } from './rewardSource.js';
import { RunningScores } from './runningScores.js';
import { ScoreCache } from './scoreCache.js';

const forever = new AbortController().signal;

const itemsOf = (...completions: string[]): Item[] =>
  completions.map((completion, i) => itemOf(`i${i}`, 'p', completion));

async function sourceOf(
  t: TestContext,
  answer: Scorer,
  version = '1',
  hedgeAfterMs?: number,
  now?: () => number,
): Promise<{ source: RewardSource; reward: TestReward }> {
  const reward = await rewardServer(t, 'length', answer, { version });
  const source = new RewardSource({
    objective: 'length',
    target: reward.address,
    timeoutMs: 600_000,
    hedgeAfterMs,
    ...(now !== undefined && { now }),
    log: logger('test'),
  });
  t.after(() => source.close());
  await source.describe('none');
  return { source, reward };
}

describe('a service that is not ready', () => {
  const unready = 3; // Describe calls: as many as the coordinator makes with no patience

  async function startingSource(t: TestContext): Promise<RewardSource> {
    let calls = 0;
    const service = implement('gapo.reward.v1.RewardService', {
      Describe: async () => {
        if (++calls <= unready) throw new RpcError('UNAVAILABLE', 'the model is being loaded');
        return { objective: 'length' };
      },
      Score: async () => ({}),
    });
    const server = await serve({ address: '127.0.0.1:0', services: [service], shutdownGraceMs: 0 });
    t.after(() => server.stop());
    const [target, log] = [server.address, logger('test')];
    const source = new RewardSource({ objective: 'length', target, timeoutMs: 600_000, retryMs: 1000, log });
    t.after(() => source.close());
    return source;
  }

  test('is waited for if it listens', async (t) => {
    await assert.rejects((await startingSource(t)).describe('none'), /does not answer: the model is being loaded/);
    await (await startingSource(t)).describe('starting');
    await (await startingSource(t)).describe('any');
  });

  test('is waited for where nothing listens only if it has answered before', async (t) => {
    const reward = await rewardServer(t, 'length', () => ({}));
    await reward.stop();
    const [warnings, ended, log] = [[] as string[], new AbortController(), logger('test')];
    t.mock.method(log, 'warn', (_: unknown, message: string) => {
      warnings.push(message);
      ended.abort(new Error('the coordinator stops'));
    });
    const source = new RewardSource({ objective: 'length', target: reward.address, timeoutMs: 600_000, log });
    t.after(() => source.close());
    await assert.rejects(source.describe('starting'), /does not answer: connection refused; start it/);
    assert.deepEqual(warnings, []);
    await assert.rejects(source.describe('any', ended.signal), /^Error: the coordinator stops$/);
    assert.deepEqual(warnings, ['call 1 failed: connection refused']);
  });
});

describe('the score cache', () => {
  /** Scores by length and records the completions it receives. */
  const asVersion =
    (version: string, sent: string[]): Scorer =>
    ({ items }) => ({
      version,
      results: items.map(({ id, completion }) => (sent.push(completion), { id, score: completion.length })),
    });

  test('equal items are sent once, and never again to the same version', async (t) => {
    const sent: string[] = [];
    const { source } = await sourceOf(t, asVersion('1', sent));
    const progress: number[] = [];
    const first = await source.score(itemsOf('a', 'bb', 'a', 'ccc', 'bb'), forever, (done) => progress.push(done));
    assert.deepEqual(first.values, [1, 2, 1, 3, 2]);
    assert.deepEqual(sent, ['a', 'bb', 'ccc']);
    assert.deepEqual(progress, [5]);
    const second = await source.score(itemsOf('ccc', 'dddd'), forever);
    assert.deepEqual([second.values, sent.length], [[3, 4], 4]);
    const third = await source.score(itemsOf('a', 'dddd'), forever);
    assert.deepEqual([third.values, third.latencyMs, sent.length], [[1, 4], 0, 4]);
  });

  test('another version has no cached scores, and a service without a version is never cached', async (t) => {
    const sent: string[] = [];
    const { source, reward } = await sourceOf(t, asVersion('1', sent));
    await source.score(itemsOf('a'), forever);
    reward.answer = asVersion('2', sent);
    await source.score(itemsOf('b'), forever);
    await source.score(itemsOf('a', 'b'), forever);
    assert.deepEqual(sent, ['a', 'b', 'a']);
    const uncached: string[] = [];
    const { source: unversioned } = await sourceOf(t, asVersion('', uncached), '');
    await unversioned.score(itemsOf('a', 'a'), forever);
    await unversioned.score(itemsOf('a'), forever);
    assert.deepEqual(uncached, ['a', 'a', 'a']);
  });

  test('items that differ in anything but their id are not equal', async (t) => {
    const sent: Item[] = [];
    const { source } = await sourceOf(t, ({ items }) => {
      sent.push(...items);
      return { version: '1', results: items.map(({ id }) => ({ id, score: sent.length })) };
    });
    const base = itemOf('a', 'p', 'c');
    const others: Item[] = [
      { ...base, prompt: 'p2' },
      { ...base, completion: 'c2' },
      { ...base, metadata: { answer: '4' } },
      { ...base, metadata: { answer: '5' } },
      { ...base, turns: [{ role: 'system', content: 's' }, ...base.turns] },
      { ...base, turns: [{ role: 'system', content: 'p' }] },
    ];
    for (const item of [base, ...others]) await source.score([{ ...item, id: `i${sent.length}` }], forever);
    assert.equal(sent.length, 1 + others.length);
    const both = { ...base, metadata: { a: '1', b: '2' } };
    await source.score([both], forever);
    await source.score([{ ...both, metadata: { b: '2', a: '1' } }], forever);
    assert.equal(sent.length, 2 + others.length);
  });

  test('an item without a score is sent again in the next batch', async (t) => {
    let calls = 0;
    const { source } = await sourceOf(t, ({ items }) => ({
      version: '1',
      results: items.map(({ id }) => ({ id, score: ++calls === 1 ? Number.NaN : 7 })),
    }));
    assert.deepEqual((await source.score(itemsOf('a', 'a'), forever)).values, [undefined, undefined]);
    assert.deepEqual((await source.score(itemsOf('a', 'a'), forever)).values, [7, 7]);
  });

  test('the least recently used score is evicted', () => {
    const cache = new ScoreCache(2);
    cache.set('1', 'a', 1);
    cache.set('1', 'b', 2);
    assert.equal(cache.get('1', 'a'), 1);
    cache.set('1', 'c', 3);
    assert.deepEqual([cache.get('1', 'a'), cache.get('1', 'b'), cache.get('1', 'c')], [1, undefined, 3]);
    assert.equal(cache.get('2', 'a'), undefined);
  });
});

describe('the circuit breaker', () => {
  test('opens after consecutive failures; a failure in the half-open state opens it again', () => {
    let now = 0;
    const breaker = new CircuitBreaker({ failures: 3, coolDownMs: 10_000 }, () => now);
    breaker.failed('A');
    breaker.failed('A');
    breaker.succeeded();
    breaker.failed('A');
    breaker.failed('A');
    assert.equal(breaker.rejection, undefined);
    breaker.failed('B');
    now = 4000;
    assert.equal(
      breaker.rejection,
      'the circuit breaker is open for another 6 s: 3 calls in a row failed, the last with B',
    );
    now = 10_000;
    assert.equal(breaker.rejection, undefined);
    breaker.failed('C');
    assert.match(breaker.rejection ?? '', /^the circuit breaker is open for another 10 s: 4 calls/);
    breaker.succeeded();
    assert.equal(breaker.rejection, undefined);
  });

  test('an open breaker rejects calls until the service answers Describe', async (t) => {
    let calls = 0;
    const broken: Scorer = () => {
      calls += 1;
      throw new RpcError('INTERNAL', 'no model');
    };
    const { source, reward } = await sourceOf(t, broken, '1', undefined, () => 0);
    for (let i = 0; i < 9; i++) await source.score(itemsOf(`a${i}`), forever);
    assert.equal(calls, 6);
    const { failures } = await source.score(itemsOf('b'), forever);
    assert.match(
      at(failures, 0).message,
      /^the circuit breaker is open for another 15 s: 6 calls .* INTERNAL: no model$/,
    );
    reward.answer = scoring((completion) => completion.length);
    await source.describe('none');
    assert.deepEqual((await source.score(itemsOf('b'), forever)).values, [1]);
  });

  test('an invalid request does not count as a failure', async (t) => {
    let calls = 0;
    const { source } = await sourceOf(t, () => {
      calls += 1;
      throw new RpcError('INVALID_ARGUMENT', 'too long');
    });
    for (let i = 0; i < 9; i++) await source.score(itemsOf(`a${i}`), forever);
    assert.equal(calls, 9);
  });
});

describe('hedging', () => {
  test('a call that hangs is made a second time; its answer wins and the first call is cancelled', async (t) => {
    let calls = 0;
    let cancel = (): void => undefined;
    const cancelled = new Promise<void>((resolve) => (cancel = resolve));
    const answer: Scorer = (request, signal) => {
      calls += 1;
      if (calls > 1) return scoring((completion) => completion.length)(request, signal);
      return new Promise(() => signal.addEventListener('abort', cancel));
    };
    const { source } = await sourceOf(t, answer, '1', 50);
    assert.deepEqual((await source.score(itemsOf('abc'), forever)).values, [3]);
    assert.equal(calls, 2);
    await cancelled;
  });

  test('an answer in time needs no second call; if both fail, the first failure is thrown', async () => {
    let calls = 0;
    const answer = await hedged(async () => ++calls, 10_000, forever);
    assert.deepEqual([answer, calls], [1, 1]);
    await assert.rejects(
      hedged(() => Promise.reject(new Error(`failure ${++calls}`)), 10_000, forever),
      /^Error: failure 2$/,
    );
    let release = (): void => undefined;
    const both = hedged(
      () =>
        ++calls === 3
          ? new Promise<number>((_, reject) => (release = () => reject(new Error('the first'))))
          : (release(), Promise.reject(new Error('the second'))),
      1,
      forever,
    );
    await assert.rejects(both, /^Error: the first$/);
  });
});

test('running moments match those of all scores; a score far from those before it is an outlier', () => {
  const running = new RunningScores();
  const scores = Array.from({ length: 300 }, (_, i) => Math.sin(i * 12.9898) * 3 + 1);
  assert.deepEqual(running.add([100, undefined, -100]), [], 'too few scores for an outlier');
  const fresh = new RunningScores();
  for (const score of scores) assert.deepEqual(fresh.add([score]), []);
  const mean = scores.reduce((sum, x) => sum + x, 0) / 300;
  const std = Math.sqrt(scores.reduce((sum, x) => sum + (x - mean) ** 2, 0) / 300);
  // Two outliers determine the mean and deviation.
  const outliers = fresh.add([mean, undefined, mean + 9 * std, mean - std, mean - 10 * std]);
  assert.deepEqual(
    outliers.map(({ index }) => index),
    [2, 4],
  );
  const deviations = outliers.map((outlier) => outlier.deviations);
  assert.ok(Math.abs(at(deviations, 0) - 9) < 1e-12 && Math.abs(at(deviations, 1) + 10) < 1e-12, deviations.join());
});
