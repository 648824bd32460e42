// Stragglers are named, and jobs that they hold for too long are given to another worker as well.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hang, manual, poolOf, run, worker, type Work } from '../fixtures/pool.fixture.js';
import { Pace } from './pace.js';

test('the pace of a kind is the median of recent jobs; a straggler takes twice the others, and a second longer', () => {
  const pace = new Pace();
  const record = (worker: string, ...seconds: number[]): void =>
    seconds.forEach((each) => pace.record('gradients', worker, each));
  assert.equal(pace.expected('gradients'), undefined);
  record('a', 1, 2, 90);
  assert.equal(pace.expected('gradients'), 2);
  assert.equal(pace.slowness('gradients', 'a'), undefined, 'there are no others');
  record('b', 9, 8);
  assert.equal(pace.slowness('gradients', 'b'), undefined, 'two jobs are too few');
  record('b', 8);
  assert.deepEqual(pace.slowness('gradients', 'b'), { seconds: 8, others: 2, factor: 4 });
  assert.equal(pace.slowness('gradients', 'a'), undefined);
  assert.equal(pace.slowness('sampling', 'b'), undefined);
  record('b', ...new Array<number>(9).fill(2.5));
  assert.equal(pace.slowness('gradients', 'b'), undefined, 'only recent jobs count');
  pace.forget('b');
  for (const worker of ['c', 'd'])
    for (let k = 0; k < 3; k++) pace.record('sampling', worker, worker === 'c' ? 0.1 : 0.9);
  assert.equal(pace.slowness('sampling', 'd'), undefined, 'less than a second longer');
});

test('a job that is overdue is computed by a free worker too; the first result counts, the other call is cancelled', async (t) => {
  let cancelled = (): void => undefined;
  const cancellation = new Promise<void>((resolve) => (cancelled = resolve));
  let stuck = false;
  const work: Work = (size, signal) => {
    if (!stuck) return size;
    signal.addEventListener('abort', cancelled);
    return hang(size, signal);
  };
  const [slow, fast] = [await worker(t, work), await manual(t)];
  const pool = poolOf(t, [slow.address, fast.address], { hedgeMs: 1 });
  await pool.join();
  // Enough jobs to know how long one takes.
  const first = [1, 2, 3, 4].map((size) => run(pool, size));
  await fast.received(1);
  fast.answer(0);
  const answering = setInterval(() => fast.answerAll(), 1);
  await Promise.all(first);
  clearInterval(answering);
  stuck = true;
  const before = fast.sizes().length;
  const job = run(pool, 9);
  await fast.received(before + 1);
  fast.answer(before);
  const { value, worker: by } = await job;
  assert.deepEqual([value, by], [9, fast.address]);
  await cancellation;
});
