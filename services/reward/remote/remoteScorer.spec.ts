// When requests are sent, retried and abandoned, using a clock controlled by the tests.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { RequestFailure } from '@gapo/http';
import { NoScore, type Outcome, type ScoreItem } from '@gapo/reward';
import { oneTurn } from '@gapo/reward/testing';
import type { Clock } from './clock.js';
import { RemoteScorer, type Remote } from './remoteScorer.js';

const began = 1_700_000_000_000;

/** A clock whose waits end immediately, in order of time, once nothing else is left to do. */
class TurnedClock implements Clock {
  #now = began;
  readonly waits: number[] = [];
  readonly #waiting = new Set<{ readonly at: number; readonly resolve: () => void }>();

  now(): number {
    return this.#now;
  }

  wait(ms: number): Promise<void> {
    this.waits.push(ms);
    return new Promise((resolve) => this.#waiting.add({ at: this.#now + ms, resolve }));
  }

  /** Ends waits until the work is done. */
  async until<T>(work: Promise<T>): Promise<T> {
    let done = false;
    const settled = work.finally(() => (done = true));
    settled.catch(() => undefined);
    while (!done) {
      await turn();
      const [first] = [...this.#waiting].sort((a, b) => a.at - b.at);
      if (first === undefined) continue;
      this.#waiting.delete(first);
      this.#now = Math.max(this.#now, first.at);
      first.resolve();
    }
    return settled;
  }
}

type Ask = (items: readonly ScoreItem[], now: number, timeoutMs: number) => readonly (number | NoScore)[];

/** A scorer whose server is simulated by a function. */
function scorerOf(ask: Ask, options: Partial<Remote> = {}) {
  const clock = new TurnedClock();
  const sent: number[] = [];
  const description = { objective: 'o', model: 'm', version: '1', orientation: 'higher_is_better', minimum: undefined, maximum: undefined, threshold: undefined, maxTokens: 0 } as const; // prettier-ignore
  const remote: Remote = {
    ...{ description, name: 'http://judge', batch: 1, concurrency: 2, timeoutMs: 3000, retries: 5 },
    ask: async (items, { timeoutMs }) => {
      sent.push(clock.now() - began);
      await turn();
      return ask(items, clock.now() - began, timeoutMs);
    },
    close: () => undefined,
    ...options,
  };
  const scorer = new RemoteScorer(remote, clock);
  const score = (count: number, deadlineMs?: number): Promise<readonly Outcome[]> =>
    clock.until(
      scorer.score(
        Array.from({ length: count }, (_, i) => oneTurn('p', String(i))),
        new AbortController().signal,
        deadlineMs === undefined ? undefined : new Date(clock.now() + deadlineMs),
      ),
    );
  return { scorer, clock, sent, score };
}

const busy = (waitMs?: number): RequestFailure =>
  new RequestFailure('http://judge: HTTP 429: busy', { retryable: true, waitMs });
const scored = (items: readonly ScoreItem[]): readonly number[] => items.map(({ completion }) => Number(completion));
const scores = (outcomes: readonly Outcome[]): unknown[] =>
  outcomes.map((each) => ('score' in each ? each.score : each.problem));

describe('a transient failure', () => {
  test('is retried after growing pauses, which depend only on the batch', async () => {
    const pauses = async (): Promise<readonly number[]> => {
      let failures = 4;
      const { clock, sent, score } = scorerOf((items) => {
        if ((failures -= 1) >= 0) throw busy();
        return scored(items);
      });
      assert.deepEqual(scores(await score(1, 60_000)), [0]);
      assert.equal(sent.length, 5);
      return clock.waits;
    };
    const first = await pauses();
    for (const [n, pause] of first.entries()) assert.ok(pause >= 125 * 2 ** n && pause <= 250 * 2 ** n, `${pause}`);
    assert.deepEqual(await pauses(), first);
  });

  test('is given up after as many retries as the file sets', async () => {
    for (const retries of [0, 3]) {
      const failing = scorerOf(() => { throw busy(); }, { retries }); // prettier-ignore
      assert.deepEqual(await failing.score(1, 600_000), [{ problem: 'http://judge: HTTP 429: busy', retryable: true }]);
      assert.equal(failing.sent.length, retries + 1);
    }
  });

  test('is given up while there is time for a response', async () => {
    const { clock, score } = scorerOf(() => { throw busy(); }, { retries: 1000 }); // prettier-ignore
    assert.deepEqual(scores(await score(1, 20_000)), ['http://judge: HTTP 429: busy']);
    assert.ok(clock.now() - began <= 19_000);
  });

  test('loses its own items only', async () => {
    const { score } = scorerOf((items) => {
      if (items.some(({ completion }) => completion === '1')) throw busy();
      return scored(items);
    });
    assert.deepEqual(scores(await score(3, 20_000)), [0, 'http://judge: HTTP 429: busy', 2]);
  });
});

test('a permanent failure is not retried', async () => {
  for (const failure of [new RequestFailure('no such model'), new NoScore('bad form', { retryable: true })]) {
    const { sent, score } = scorerOf(() => { throw failure; }); // prettier-ignore
    assert.deepEqual(scores(await score(1, 60_000)), [failure.message]);
    assert.equal(sent.length, 1);
  }
});

describe('a server that asks to wait', () => {
  test('gets no request before then, from any batch or call', async () => {
    let asked = 0;
    const { scorer, clock, sent, score } = scorerOf((items) => {
      if ((asked += 1) === 1) throw busy(2500);
      return scored(items);
    });
    const other = scorer.score([oneTurn('p', '7')], new AbortController().signal);
    assert.deepEqual(scores(await score(4, 60_000)), [0, 1, 2, 3]);
    assert.deepEqual(scores(await clock.until(other)), [7]);
    assert.equal(sent.length, 6);
    // Two were in flight when the server asked to wait.
    assert.ok(sent.slice(2).every((at) => at >= 2500), `${sent.join()}`); // prettier-ignore
  });

  test('is waited for as often as it asks, whatever the number of repetitions', async () => {
    const { sent, score } = scorerOf(
      (items, now) => {
        if (now < 9000) throw busy(1000);
        return scored(items);
      },
      { retries: 0 },
    );
    assert.deepEqual(scores(await score(1, 60_000)), [0]);
    assert.deepEqual(sent, [0, 1000, 2000, 3000, 4000, 5000, 6000, 7000, 8000, 9000]);
  });

  test('is not waited for longer than the call may take, nor by calls until then', async () => {
    const { sent, score } = scorerOf(() => { throw busy(60_000); }, { concurrency: 1 }); // prettier-ignore
    assert.deepEqual(scores(await score(2, 30_000)), [
      'http://judge: HTTP 429: busy',
      'http://judge: asked to wait for another 60 s',
    ]);
    assert.deepEqual(sent, [0]);
  });

  test('is waited for at most five minutes', async () => {
    const { sent, score } = scorerOf((items, now) => {
      if (now === 0) throw busy(1e12);
      return scored(items);
    });
    assert.deepEqual(scores(await score(1, 600_000)), ['http://judge: HTTP 429: busy']);
    assert.deepEqual(scores(await score(1, 600_000)), ['http://judge: asked to wait for another 300 s']);
    assert.deepEqual(sent, [0]);
  });
});

describe('requests', () => {
  test('are as many at a time as the file says, over all calls', async () => {
    let [now, most] = [0, 0];
    const scorer = new RemoteScorer({
      ...scorerOf(scored).scorer,
      ...{
        description: scorerOf(scored).scorer.description,
        name: 'n',
        batch: 2,
        concurrency: 3,
        timeoutMs: 1,
        retries: 0,
      },
      ask: async (items) => {
        most = Math.max(most, (now += 1));
        for (let i = 0; i < 3; i += 1) await turn();
        now -= 1;
        return scored(items);
      },
      close: () => undefined,
    });
    const items = Array.from({ length: 12 }, (_, i) => oneTurn('', String(i)));
    const calls = await Promise.all([1, 2, 3].map(() => scorer.score(items, new AbortController().signal)));
    for (const outcomes of calls) assert.deepEqual(scores(outcomes), items.map((_, i) => i)); // prettier-ignore
    assert.equal(most, 3);
  });

  test('end before the call does, so that other items keep their scores', async () => {
    const limits: number[] = [];
    const { score } = scorerOf((items, _, timeoutMs) => {
      limits.push(timeoutMs);
      return scored(items);
    });
    await score(1, 2000);
    await score(1, 20_000);
    await score(1);
    assert.deepEqual(limits, [1800, 3000, 3000]);
  });

  test('a call that is cancelled while it waits for a slot leaves the slot to others', async () => {
    const release: (() => void)[] = [];
    const scorer = new RemoteScorer({
      ...{
        description: scorerOf(scored).scorer.description,
        name: 'n',
        batch: 1,
        concurrency: 1,
        timeoutMs: 1,
        retries: 0,
      },
      ask: async (items) => {
        await new Promise<void>((resolve) => release.push(resolve));
        return scored(items);
      },
      close: () => undefined,
    });
    const item = (completion: string): ScoreItem[] => [oneTurn('', completion)];
    const cancel = new AbortController();
    const first = scorer.score(item('1'), new AbortController().signal);
    const second = scorer.score(item('2'), cancel.signal);
    const third = scorer.score(item('3'), new AbortController().signal);
    await turn();
    cancel.abort(new Error('cancelled'));
    await assert.rejects(second, /cancelled/);
    release[0]?.();
    assert.deepEqual(scores(await first), [1]);
    while (release.length < 2) await turn();
    release[1]?.();
    assert.deepEqual(scores(await third), [3]);
  });

  test('that get no slot within the time of the call are errors of their items', async (t) => {
    const scorer = new RemoteScorer({
      ...{
        description: scorerOf(scored).scorer.description,
        name: 'http://judge',
        batch: 1,
        concurrency: 1,
        timeoutMs: 1e6,
        retries: 0,
      },
      ask: (_, { signal }) => new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error))), // prettier-ignore
      close: () => undefined,
    });
    const [hold, free] = [new AbortController(), new AbortController()];
    const alive = setInterval(() => undefined, 1000); // timeouts do not keep a process alive
    t.after(() => clearInterval(alive));
    const holding = scorer.score([oneTurn('', '')], hold.signal);
    const outcomes = await scorer.score([oneTurn('', '')], free.signal, new Date(Date.now() + 50));
    assert.deepEqual(outcomes, [
      { problem: "http://judge: all request slots were busy until the call's deadline", retryable: true },
    ]);
    hold.abort(new Error('over'));
    await assert.rejects(holding, /over/);
  });
});
