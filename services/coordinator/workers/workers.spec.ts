// The pool: what one worker could not finish another redoes, and nobody waits for ever.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { on } from 'node:events';
import { test, type TestContext } from 'node:test';
import { implement, RpcError, serve, type RunningServer } from '@gapo/rpc';
import { logger } from '@gapo/service';
import { PauseNeeded } from '../state/interruption.js';
import { WorkerPool } from './workers.js';

type Work = (promptCount: number, signal: AbortSignal) => Promise<number> | number;
const service = 'gapo.rollout.v1.RolloutService';

/** A worker that answers each shard with one completion, whose token is what `work` makes of it. */
async function worker(t: TestContext, work: Work, address = '127.0.0.1:0'): Promise<RunningServer> {
  const server = await serve({
    address,
    shutdownGraceMs: 0,
    services: [
      implement(service, {
        async *Generate({ prompts }, { signal }) {
          yield { completions: [{ tokenIds: [await work(prompts.length, signal)] }] };
        },
      }),
    ],
  });
  t.after(() => server.stop());
  return server;
}

function poolOf(t: TestContext, targets: string[], limits = {}): WorkerPool<typeof service> {
  const pool = new WorkerPool({
    service,
    targets,
    what: 'rollout worker',
    setting: 'ROLLOUT_WORKERS',
    deadlineMs: 600_000,
    waitMs: 600_000,
    log: logger('test'),
    ...limits,
  });
  t.after(() => pool.close());
  return pool;
}

/** One piece of work through the pool. */
async function piece(pool: WorkerPool<typeof service>, size: number, signal = new AbortController().signal) {
  return pool.run(`piece ${size}`, signal, async ({ client, options }) => {
    const tokens: number[] = [];
    const prompts = Array.from({ length: size }, (_, index) => ({ index, tokenIds: [1] }));
    for await (const { completions } of client.Generate({ prompts }, options)) {
      for (const { tokenIds } of completions) tokens.push(...tokenIds);
    }
    return tokens[0];
  });
}

/** Never answers; ends with its call. */
const hang: Work = (_, signal) =>
  new Promise((_resolve, reject) =>
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true }),
  );

/** A worker that answers when it is told to, and counts what it has. */
async function patient(t: TestContext) {
  const asked: { size: number; answer: () => void }[] = [];
  const arrivals: (() => void)[] = [];
  const work: Work = (size) =>
    new Promise((resolve) => {
      asked.push({ size, answer: () => resolve(size) });
      arrivals.shift()?.();
    });
  const { address } = await worker(t, work);
  /** Resolves once it has been asked for so many pieces. */
  const has = async (count: number): Promise<void> => {
    while (asked.length < count) await new Promise<void>((resolve) => arrivals.push(resolve));
  };
  return { address, asked, has, sizes: () => asked.map(({ size }) => size) };
}

test('a free worker comes first, a busy one has its next piece ahead while enough wait, and the last goes to whoever is done', async (t) => {
  const [a, b] = [await patient(t), await patient(t)];
  const pool = poolOf(t, [a.address, b.address]);
  const pieces = [1, 2, 3, 4].map((size) => piece(pool, size));
  await Promise.all([a.has(2), b.has(1)]);
  assert.deepEqual([a.sizes(), b.sizes()], [[1, 3], [2]]);
  b.asked[0]!.answer();
  await b.has(2);
  assert.deepEqual(
    [a.sizes(), b.sizes()],
    [
      [1, 3],
      [2, 4],
    ],
    'the worker that was done first has the last piece',
  );
  for (const { answer } of [...a.asked, ...b.asked]) answer();
  const done = await Promise.all(pieces);
  assert.deepEqual(
    done.map(({ value, worker: by }) => [value, by]),
    [
      [1, a.address],
      [2, b.address],
      [3, a.address],
      [4, b.address],
    ],
  );
});

test('a worker has no more than two pieces, and the time of the second begins when the first has ended', async (t) => {
  const a = await patient(t);
  const pool = poolOf(t, [a.address]);
  const pieces = [1, 2, 3].map((size) => piece(pool, size));
  await a.has(2);
  const began = performance.now();
  while (performance.now() - began < 50) await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(a.sizes(), [1, 2]);
  const firstAlone = (performance.now() - began) / 1000;
  a.asked[0]!.answer();
  await a.has(3);
  for (const { answer } of a.asked) answer();
  const [first, second] = await Promise.all(pieces);
  const both = (performance.now() - began) / 1000;
  assert.ok(first!.seconds >= firstAlone, `${first!.seconds} s, of which it ran for ${firstAlone} s`);
  assert.ok(second!.seconds <= both - firstAlone, `${second!.seconds} s of ${both - firstAlone} s after the first`);
});

test('what a lost worker had ahead is redone elsewhere at once', async (t) => {
  const deadlineMs = 2000;
  let late = false;
  let timer: NodeJS.Timeout | undefined;
  t.after(() => clearTimeout(timer));
  const hanging = await patient(t);
  const { address: good } = await worker(t, (size) => {
    // The lost worker's first piece comes here at its deadline; the second one's own would be as much later again.
    if (size === 1) timer = setTimeout(() => (late = true), 0.9 * deadlineMs);
    if (size === 3) assert.equal(late, false, 'the second had twice the deadline, and did not wait for it');
    return size;
  });
  const pool = poolOf(t, [hanging.address, good], { deadlineMs });
  const done = await Promise.all([1, 2, 3, 4].map((size) => piece(pool, size)));
  assert.deepEqual(hanging.sizes(), [1, 3]);
  assert.ok(done.every(({ worker: by }) => by === good));
  assert.equal(late, false);
});

test('a piece of a worker that dies is redone by another', async (t) => {
  const dying = await worker(t, async () => {
    void dying.stop();
    return new Promise<number>(() => undefined);
  });
  const other = await worker(t, (size) => size);
  const pool = poolOf(t, [dying.address, other.address]);
  const done = await Promise.all([1, 2, 3].map((size) => piece(pool, size)));
  assert.deepEqual(
    done.map(({ value, worker: by }) => [value, by]),
    [1, 2, 3].map((size) => [size, other.address]),
  );
});

test('a worker that hangs is given up at the deadline, and is asked again once it serves', async (t) => {
  let first = true;
  const slow = await worker(t, (size, signal) => {
    if (!first) return size;
    first = false;
    return hang(size, signal);
  });
  const pool = poolOf(t, [slow.address], { deadlineMs: 3000 });
  assert.equal((await piece(pool, 4)).value, 4);
});

test('a worker that hangs every time pauses the run before long', async (t) => {
  const stuck = await worker(t, hang);
  const pool = poolOf(t, [stuck.address], { deadlineMs: 150 });
  await assert.rejects(
    piece(pool, 4),
    (error) =>
      error instanceof PauseNeeded && /piece 4 was given up after 2 attempts, the last at /.test(error.message),
  );
});

test('a worker that falls silent is given up long before the deadline', async (t) => {
  const rpc = JSON.stringify(import.meta.resolve('@gapo/rpc'));
  const code = `const { implement, serve } = await import(${rpc});
    const Generate = async function* () { console.log('working'); await new Promise(() => {}); };
    const services = [implement('${service}', { Generate })];
    console.log((await serve({ address: '127.0.0.1:0', services })).address);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', code], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(() => child.kill('SIGKILL'));
  const said = on(child.stdout.setEncoding('utf8'), 'data');
  const address = String((await said.next()).value).trim();
  const other = await worker(t, (size) => size);
  const pool = poolOf(t, [address, other.address], { watchMs: 500 });
  const pieces = [piece(pool, 1), piece(pool, 2)];
  await said.next();
  child.kill('SIGSTOP');
  assert.deepEqual(
    (await Promise.all(pieces)).map(({ value, worker: by }) => [value, by]),
    [
      [1, other.address],
      [2, other.address],
    ],
  );
});

test('a worker that is away is probed, and comes back by itself', async (t) => {
  const gone = await worker(t, (size) => size);
  await gone.stop();
  const pool = poolOf(t, [gone.address]);
  const waiting = piece(pool, 3);
  await assert.rejects(piece(poolOf(t, [gone.address], { waitMs: 100 }), 1), PauseNeeded);
  await worker(t, (size) => size * 10, gone.address);
  assert.equal((await waiting).value, 30);
});

test('without any worker for the stated time, waiting pieces pause the run and name the addresses', async (t) => {
  const gone = await worker(t, (size) => size);
  await gone.stop();
  const pool = poolOf(t, [gone.address], { waitMs: 150 });
  await assert.rejects(
    piece(pool, 1),
    (error) =>
      error instanceof PauseNeeded &&
      error.message.includes(`no rollout worker has answered for 0.15 s: ${gone.address} (`) &&
      error.message.includes('correct ROLLOUT_WORKERS'),
  );
});

test('what a worker refuses is not tried elsewhere', async (t) => {
  let calls = 0;
  const refusing: Work = () => {
    calls += 1;
    throw new RpcError('INVALID_ARGUMENT', 'prompts[0] has no tokens');
  };
  const workers = [await worker(t, refusing), await worker(t, refusing)];
  const pool = poolOf(
    t,
    workers.map(({ address }) => address),
  );
  await assert.rejects(piece(pool, 1), (error) => error instanceof RpcError && error.code === 'INVALID_ARGUMENT');
  assert.equal(calls, 1);
});

test('a worker that breaks on a piece is not the last word; three are', async (t) => {
  let broken = 0;
  const breaking: Work = () => {
    broken += 1;
    throw new RpcError('INTERNAL', 'a defect');
  };
  const [bad, good] = [await worker(t, breaking), await worker(t, (size) => size)];
  assert.equal((await piece(poolOf(t, [bad.address, good.address]), 2)).value, 2);
  assert.equal(broken, 1);
  await assert.rejects(piece(poolOf(t, [bad.address]), 2), /a defect/);
  assert.equal(broken, 4);
});

test('a signal ends a piece that runs and one that waits', async (t) => {
  const workers = [await worker(t, hang)];
  const pool = poolOf(
    t,
    workers.map(({ address }) => address),
  );
  const controller = new AbortController();
  const pieces = [piece(pool, 1, controller.signal), piece(pool, 2, controller.signal)];
  controller.abort(new Error('cancelled by a person'));
  for (const one of pieces) await assert.rejects(one, /cancelled by a person/);
});

test('a name stands for all of its addresses, and one that cannot be looked up is named', async (t) => {
  const { address } = await worker(t, (size) => size);
  const named = poolOf(t, [`dns:///${address.replace('127.0.0.1', 'localhost')}`]);
  const done = await piece(named, 6);
  assert.deepEqual([done.value, done.worker], [6, address]);
  // Looking a name up takes as long as it takes: a wait that ends before says nothing of it.
  for (let waitMs = 300; ; waitMs *= 2) {
    const nowhere = poolOf(t, ['dns:///nowhere.invalid:50051'], { waitMs });
    const error: unknown = await piece(nowhere, 1).catch((reason: unknown) => reason);
    assert.ok(error instanceof PauseNeeded);
    if (error.message.includes(`no rollout worker has answered for ${waitMs / 1000} s: ;`)) continue;
    assert.match(error.message, /dns:\/\/\/nowhere\.invalid:50051 \(nowhere\.invalid cannot be looked up: /);
    break;
  }
});

test('closing the pool rejects what waits', async (t) => {
  const workers = [await worker(t, hang)];
  const pool = poolOf(
    t,
    workers.map(({ address }) => address),
    { deadlineMs: 300 },
  );
  const pieces = [piece(pool, 1), piece(pool, 2)].map((one) => assert.rejects(one));
  pool.close();
  await Promise.all(pieces);
});
