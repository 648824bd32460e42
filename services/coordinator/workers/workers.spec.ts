// The worker pool: another worker retries what one could not finish, and no wait lasts forever.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { on } from 'node:events';
import { test } from 'node:test';
import { RpcError } from '@gapo/rpc';
import { hang, manual, poolOf, run, service, worker, type Work } from '../fixtures/pool.fixture.js';
import { PauseNeeded } from '../state/interruption.js';

test('free workers come first, busy ones prefetch while there is a job for each, and the last goes to the worker that finishes first', async (t) => {
  const [a, b] = [await manual(t), await manual(t)];
  const pool = poolOf(t, [a.address, b.address]);
  await pool.join();
  const jobs = [1, 2, 3, 4, 5].map((size) => run(pool, size));
  await Promise.all([a.received(2), b.received(2)]);
  assert.deepEqual(
    [a.sizes(), b.sizes()],
    [
      [1, 3],
      [2, 4],
    ],
  );
  b.answer(0);
  await b.received(3);
  assert.deepEqual(b.sizes(), [2, 4, 5], 'the worker that finished first gets the last job');
  for (const { answerAll } of [a, b]) answerAll();
  const done = await Promise.all(jobs);
  assert.deepEqual(
    done.map(({ value, worker: by }) => [value, by]),
    [
      [1, a.address],
      [2, b.address],
      [3, a.address],
      [4, b.address],
      [5, b.address],
    ],
  );
});

test('a job that there is no second one for waits for the worker that finishes first', async (t) => {
  const [a, b] = [await manual(t), await manual(t)];
  const pool = poolOf(t, [a.address, b.address]);
  await pool.join();
  const jobs = [1, 2, 3].map((size) => run(pool, size));
  await Promise.all([a.received(1), b.received(1)]);
  b.answer(0);
  await b.received(2);
  assert.deepEqual([a.sizes(), b.sizes()], [[1], [2, 3]]);
  for (const { answerAll } of [a, b]) answerAll();
  await Promise.all(jobs);
});

test('a worker holds at most two jobs, and the time of the second starts when the first ends', async (t) => {
  const a = await manual(t);
  const pool = poolOf(t, [a.address]);
  const jobs = [1, 2, 3].map((size) => run(pool, size));
  await a.received(2);
  const began = performance.now();
  while (performance.now() - began < 50) await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(a.sizes(), [1, 2]);
  const firstAlone = (performance.now() - began) / 1000;
  a.answer(0);
  await a.received(3);
  a.answerAll();
  const [first, second] = (await Promise.all(jobs)).map(({ seconds }) => seconds);
  assert.ok(first !== undefined && second !== undefined);
  const both = (performance.now() - began) / 1000;
  assert.ok(first >= firstAlone, `${first} s, of which it ran alone for ${firstAlone} s`);
  assert.ok(second <= both - firstAlone, `${second} s of ${both - firstAlone} s after the first`);
});

test('a job prefetched by a lost worker is retried elsewhere at once', async (t) => {
  const deadlineMs = 2000;
  let late = false;
  let timer: NodeJS.Timeout | undefined;
  t.after(() => clearTimeout(timer));
  const hanging = await manual(t);
  const { address: good } = await worker(t, (size) => {
    // The lost worker's first job arrives here at its deadline. The second job's own deadline is twice as long.
    if (size === 1) timer = setTimeout(() => (late = true), 0.9 * deadlineMs);
    if (size === 3) assert.equal(late, false, 'the second job did not wait for its own deadline');
    return size;
  });
  const pool = poolOf(t, [hanging.address, good], { deadlineMs });
  await pool.join();
  const done = await Promise.all([1, 2, 3, 4].map((size) => run(pool, size)));
  assert.deepEqual(hanging.sizes(), [1, 3]);
  assert.ok(done.every(({ worker: by }) => by === good));
  assert.equal(late, false);
});

test('a job of a worker that dies is retried on another', async (t) => {
  const dying = await worker(t, async () => {
    void dying.stop();
    return new Promise<number>(() => undefined);
  });
  const other = await worker(t, (size) => size);
  const pool = poolOf(t, [dying.address, other.address]);
  const done = await Promise.all([1, 2, 3].map((size) => run(pool, size)));
  assert.deepEqual(
    done.map(({ value, worker: by }) => [value, by]),
    [1, 2, 3].map((size) => [size, other.address]),
  );
});

test('a worker that hangs loses its job at the deadline, and gets jobs again once it serves', async (t) => {
  let first = true;
  const slow = await worker(t, (size, signal) => {
    if (!first) return size;
    first = false;
    return hang(size, signal);
  });
  const pool = poolOf(t, [slow.address], { deadlineMs: 3000 });
  assert.equal((await run(pool, 4)).value, 4);
});

test('a worker that hangs every time pauses the run after two deadlines', async (t) => {
  const stuck = await worker(t, hang);
  const pool = poolOf(t, [stuck.address], { deadlineMs: 150 });
  await assert.rejects(
    run(pool, 4),
    (error) => error instanceof PauseNeeded && /job 4 failed after 2 attempts, the last on /.test(error.message),
  );
});

test('a worker that stops answering health checks loses its job long before the deadline', async (t) => {
  const environment = JSON.stringify({ threads: '1', device: 'cpu' });
  const rpc = JSON.stringify(import.meta.resolve('@gapo/rpc'));
  const code = `const { implement, ownProtocol, serve } = await import(${rpc});
    const Generate = async function* () { console.log('working'); await new Promise(() => {}); };
    const identity = { ...ownProtocol(), build: ownProtocol().version + '+tests', environment: ${environment} };
    const Identify = async () => identity;
    const services = [implement('gapo.worker.v1.WorkerService', { Identify }), implement('${service}', { Generate })];
    console.log((await serve({ address: '127.0.0.1:0', services })).address);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', code], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(() => child.kill('SIGKILL'));
  const output = on(child.stdout.setEncoding('utf8'), 'data');
  const address = String((await output.next()).value).trim();
  const other = await worker(t, (size) => size);
  const pool = poolOf(t, [address, other.address], { leaseMs: 500 });
  await pool.join();
  const jobs = [run(pool, 1), run(pool, 2)];
  await output.next();
  child.kill('SIGSTOP');
  assert.deepEqual(
    (await Promise.all(jobs)).map(({ value, worker: by }) => [value, by]),
    [
      [1, other.address],
      [2, other.address],
    ],
  );
});

test('a worker that is down is probed, and gets jobs again once it is back', async (t) => {
  const gone = await worker(t, (size) => size);
  await gone.stop();
  const pool = poolOf(t, [gone.address]);
  const waiting = run(pool, 3);
  await assert.rejects(run(poolOf(t, [gone.address], { waitMs: 100 }), 1), PauseNeeded);
  await worker(t, (size) => size * 10, { address: gone.address });
  assert.equal((await waiting).value, 30);
});

test('queued jobs pause the run after an outage of waitMs, and the error names the addresses', async (t) => {
  const gone = await worker(t, (size) => size);
  await gone.stop();
  const pool = poolOf(t, [gone.address], { waitMs: 150 });
  await assert.rejects(
    run(pool, 1),
    (error) =>
      error instanceof PauseNeeded &&
      error.message.includes(`no rollout worker has answered for 0.15 s: ${gone.address} (`) &&
      error.message.includes('correct ROLLOUT_WORKERS'),
  );
});

test('a job that a worker rejects is not retried', async (t) => {
  let calls = 0;
  const rejecting: Work = () => {
    calls += 1;
    throw new RpcError('INVALID_ARGUMENT', 'prompts[0] has no tokens');
  };
  const workers = [await worker(t, rejecting), await worker(t, rejecting)];
  const pool = poolOf(
    t,
    workers.map(({ address }) => address),
  );
  await assert.rejects(run(pool, 1), (error) => error instanceof RpcError && error.code === 'INVALID_ARGUMENT');
  assert.equal(calls, 1);
});

test('an internal error is retried, and the third one is final', async (t) => {
  let broken = 0;
  const breaking: Work = () => {
    broken += 1;
    throw new RpcError('INTERNAL', 'a defect');
  };
  const [bad, good] = [await worker(t, breaking), await worker(t, (size) => size)];
  assert.equal((await run(poolOf(t, [bad.address, good.address]), 2)).value, 2);
  assert.equal(broken, 1);
  await assert.rejects(run(poolOf(t, [bad.address]), 2), /a defect/);
  assert.equal(broken, 4);
});

test('a signal ends a running job and a queued one', async (t) => {
  const { address } = await worker(t, hang);
  const pool = poolOf(t, [address]);
  const controller = new AbortController();
  const jobs = [run(pool, 1, controller.signal), run(pool, 2, controller.signal)];
  controller.abort(new Error('cancelled by the user'));
  for (const one of jobs) await assert.rejects(one, /cancelled by the user/);
});

test('a name stands for all its addresses, and the error names one that does not resolve', async (t) => {
  const { address } = await worker(t, (size) => size);
  const named = poolOf(t, [`dns:///${address.replace('127.0.0.1', 'localhost')}`]);
  const done = await run(named, 6);
  assert.deepEqual([done.value, done.worker], [6, address]);
  // A lookup may outlast the wait; the error then does not mention it.
  for (let waitMs = 300; ; waitMs *= 2) {
    const nowhere = poolOf(t, ['dns:///nowhere.invalid:50051'], { waitMs });
    const error: unknown = await run(nowhere, 1).catch((reason: unknown) => reason);
    assert.ok(error instanceof PauseNeeded);
    if (error.message.includes(`no rollout worker has answered for ${waitMs / 1000} s: ;`)) continue;
    assert.match(error.message, /dns:\/\/\/nowhere\.invalid:50051 \(cannot resolve nowhere\.invalid: /);
    break;
  }
});

test('closing the pool rejects queued jobs', async (t) => {
  const { address } = await worker(t, hang);
  const pool = poolOf(t, [address], { deadlineMs: 300 });
  const jobs = [run(pool, 1), run(pool, 2)].map((one) => assert.rejects(one));
  pool.close();
  await Promise.all(jobs);
});
