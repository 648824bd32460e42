// A reward from a function, behind real gRPC: scores, errors of items, time limits, and a clean exit of the process.
import assert from 'node:assert/strict';
import { describe, test, type TestContext } from 'node:test';
import { checkHealth, connect } from '@gapo/rpc';
import { startProcess } from '@gapo/service/testing';
import { functionScorer, NoScore, type Reward } from './mod.js';
import { served, type RewardClient } from './testing.fixture.js';

/** Calls have no deadline: the machine may be busy. */
const deadlineMs = Infinity;

const length: Reward = { objective: 'length', version: '1', score: ({ completion }) => completion.length };

function client(t: TestContext, changes: Partial<Reward> = {}): Promise<RewardClient> {
  return served(t, functionScorer({ ...length, ...changes }));
}

const items = (completions: readonly string[]) =>
  completions.map((completion, i) => ({
    id: String(i),
    prompt: 'p',
    completion,
    metadata: { reference: 'r' },
    turns: [{ role: 'user', content: 'p' }],
  }));

describe('a reward from a function', () => {
  test('describes itself, and scores items in order', async (t) => {
    const service = await client(t, { minimum: 0, threshold: 3, orientation: 'lower_is_better' });
    const description = await service.Describe({}, { deadlineMs });
    assert.deepEqual(
      [description.objective, description.version, description.orientation, description.minimum, description.threshold],
      ['length', '1', 'ORIENTATION_LOWER_IS_BETTER', 0, 3],
    );
    assert.equal(description.maximum, undefined);
    const { results, version } = await service.Score({ items: items(['', 'ab', 'abc']) }, { deadlineMs });
    assert.deepEqual(
      results.map(({ id, score }) => [id, score]),
      [['0', 0], ['1', 2], ['2', 3]], // prettier-ignore
    );
    assert.equal(version, '1');
    assert.deepEqual((await service.Score({ items: [] }, { deadlineMs })).results, []);
  });

  test('an item without a conversation is one user turn', async (t) => {
    const turns: unknown[] = [];
    const service = await client(t, { score: (item) => turns.push(item.turns) });
    const asked = [
      { role: 'system', content: 's' },
      { role: 'user', content: 'p' },
    ];
    const [item] = items(['a']);
    await service.Score(
      {
        items: [
          { ...item, turns: [] },
          { ...item, id: '1', turns: asked },
        ],
      },
      { deadlineMs },
    );
    assert.deepEqual(turns, [[{ role: 'user', content: 'p' }], asked]);
  });

  test('an error belongs to its own item, and states whether to retry', async (t) => {
    const answers: Partial<Record<string, () => number>> = {
      good: () => 1,
      bad: () => {
        throw new Error('no verdict');
      },
      busy: () => {
        throw new NoScore('the judge is busy', { retryable: true });
      },
      infinite: () => Infinity,
      text: () => 'much' as unknown as number,
    };
    const service = await client(t, { score: ({ completion }) => answers[completion]?.() ?? assert.fail(completion) });
    const { results } = await service.Score({ items: items(Object.keys(answers)) }, { deadlineMs });
    assert.deepEqual(
      results.map(({ score, error }) => score ?? error),
      [
        1,
        { message: 'no verdict', retryable: false },
        { message: 'the judge is busy', retryable: true },
        { message: 'the score is Infinity, not a finite number', retryable: false },
        { message: 'the score is of type string, not a number', retryable: false },
      ],
    );
  });

  test('an item that takes too long has a retryable error; the others have their scores', async (t) => {
    let aborted = false;
    const service = await client(t, {
      itemTimeoutMs: 50,
      score: ({ completion }, signal) =>
        completion === 'late'
          ? new Promise(() => signal.addEventListener('abort', () => (aborted = true)))
          : completion.length,
    });
    const { results } = await service.Score({ items: items(['a', 'late']) }, { deadlineMs });
    assert.equal(results[0]?.score, 1);
    assert.deepEqual(results[1]?.error, { message: 'no score within 50 ms', retryable: true });
    assert.ok(aborted, 'the signal of the function aborts');
  });

  test('`concurrency` limits the items that are scored at the same time', async (t) => {
    let [now, most] = [0, 0];
    const service = await client(t, {
      concurrency: 3,
      score: async () => {
        most = Math.max(most, ++now);
        await new Promise(setImmediate);
        now -= 1;
        return 0;
      },
    });
    await service.Score({ items: items(Array.from({ length: 20 }, String)) }, { deadlineMs });
    assert.equal(most, 3);
  });

  test('the event loop runs while a synchronous function scores', async (t) => {
    let scored = 0;
    const scorer = functionScorer({
      ...length,
      score: () => {
        for (const end = performance.now() + 5; performance.now() < end;);
        return ++scored;
      },
    });
    const turns: number[] = [];
    const scoring = scorer.score(items(Array.from({ length: 40 }, String)), new AbortController().signal);
    const look = (): void => {
      turns.push(scored);
      if (scored < 40) setImmediate(look);
    };
    setImmediate(look);
    await scoring;
    assert.ok(turns.some((count) => count > 0 && count < 40), `the event loop ran at ${turns.join()} of 40 items`); // prettier-ignore
    await scorer.close();
    t.diagnostic(turns.join());
  });

  test('invalid limits are refused', () => {
    assert.throws(() => functionScorer({ ...length, concurrency: 0 }), /concurrency is 0; it must be a whole number/);
    assert.throws(() => functionScorer({ ...length, itemTimeoutMs: NaN }), /itemTimeoutMs is NaN; it must be over 0/);
    assert.throws(() => functionScorer({ ...length, minimum: 1, maximum: 1 }), /the minimum must be less/);
  });
});

describe('the example in ten lines', () => {
  const main = new URL('../../../../examples/reward-typescript/dist/main.js', import.meta.url);

  test('serves, answers health checks, and ends with 0 at SIGTERM', async (t) => {
    const child = startProcess(main, { env: { LISTEN: '127.0.0.1:0' } }, t);
    const address = await child.address();
    const service = connect('gapo.reward.v1.RewardService', address);
    t.after(() => service.close());
    assert.equal(await checkHealth(address, deadlineMs), 'SERVING');
    const { objective, version } = await service.Describe({}, { deadlineMs });
    assert.equal(objective, 'concise');
    assert.match(version, /^[0-9a-f]{16}$/);
    const { results } = await service.Score({ items: items(['one two three', '']) }, { deadlineMs });
    assert.deepEqual(results.map(({ score }) => score), [0.25, 1]); // prettier-ignore
    child.kill('SIGTERM');
    assert.equal(await child.closed, 0);
  });

  test('an invalid address is an error of one line and exit code 2', async (t) => {
    const child = startProcess(main, { env: { LISTEN: 'here' } }, t);
    assert.equal(await child.closed, 2);
    assert.equal(child.stderr(), 'environment LISTEN: found string "here", expected a host:port string\n');
  });
});
