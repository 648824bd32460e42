// Which workers may serve: those that answer, have this release, and are alike. The others cost nothing and are named.
import assert from 'node:assert/strict';
import { createServer, type AddressInfo } from 'node:net';
import { test, type TestContext } from 'node:test';
import { implement, ownProtocol, RpcError, serve, type IdentifyResponseInput } from '@gapo/rpc';
import { logger, type Logger } from '@gapo/service';
import { poolOf, run, service, worker } from '../fixtures/pool.fixture.js';
import { PauseNeeded } from '../state/interruption.js';

/** An address that accepts connections and never sends anything. */
async function silentAddress(t: TestContext, port = 0): Promise<string> {
  const server = createServer((socket) => t.after(() => socket.destroy())).listen(port, '127.0.0.1');
  t.after(() => server.close());
  await new Promise((resolve) => server.once('listening', resolve));
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** Jobs whose workers are all refused pause with this reason. */
async function refused(t: TestContext, targets: string[], reason: RegExp, limits = {}): Promise<void> {
  // On a busy machine the wait may end before the workers have answered.
  for (let waitMs = 500; ; waitMs *= 2) {
    const error: unknown = await run(poolOf(t, targets, { waitMs, ...limits }), 1).catch((thrown: unknown) => thrown);
    assert.ok(error instanceof PauseNeeded, String(error));
    if (error.message.includes('it has not been contacted yet')) continue;
    assert.match(error.message, reason);
    return;
  }
}

/** A log, and its first message about a refused worker. */
function refusals(): { readonly log: Logger; readonly refusal: Promise<string> } {
  const log = logger('test');
  const refusal = new Promise<string>((resolve) => {
    log.error = (_fields: unknown, text?: unknown) => resolve(String(text));
  });
  return { log, refusal };
}

test('an address that is silent gets no job, and is named once nobody else answers', async (t) => {
  const silent = await silentAddress(t);
  const { address } = await worker(t, (size) => size);
  const pool = poolOf(t, [silent, '240.0.0.1:50051', address]);
  const done = await Promise.all([1, 2, 3].map((size) => run(pool, size)));
  assert.deepEqual(
    done.map(({ value, worker: by }) => [value, by]),
    [1, 2, 3].map((size) => [size, address]),
  );
  await refused(t, [silent], /127\.0\.0\.1:\d+ \(it did not answer within 0\.1 s\)/, { connectMs: 100 });
});

test('a worker that has closed its connection gets no job before it answers again', async (t) => {
  const [leaving, staying] = [await worker(t, (size) => size), await worker(t, (size) => size)];
  // Only the end of the connection shows that it is gone.
  const limits = { leaseMs: 600_000, hedgeMs: 600_000, connectMs: 600_000 };
  const pool = poolOf(t, [leaving.address, staying.address], limits);
  await pool.join();
  assert.equal((await run(pool, 1)).worker, leaving.address);
  await leaving.stop();
  await silentAddress(t, Number(leaving.address.split(':')[1]));
  for (const size of [2, 3]) assert.equal((await run(pool, size)).worker, staying.address);
});

test('a worker of another release or protocol is refused, with both', async (t) => {
  const { version, protocol } = ownProtocol();
  const other = await worker(t, (size) => size, { identity: { version: '0.0.1', protocol: 'abc' } });
  const expected = `it is release 0.0.1 with protocol abc, this coordinator is release ${version} with protocol ${protocol};`;
  await refused(t, [other.address], new RegExp(expected.replaceAll('.', '\\.')));
});

test('a worker of an earlier release, which does not identify itself, is refused', async (t) => {
  const rollout = implement(service, {
    Generate: async function* () {
      yield {};
    },
  });
  const old = await serve({ address: '127.0.0.1:0', services: [rollout] });
  t.after(() => old.stop());
  await refused(t, [old.address], /it does not identify itself: it runs an earlier release/);
});

/** Workers with these identities in one pool, which has asked both; `used` has the addresses of the admitted ones. */
async function pair(t: TestContext, identities: readonly IdentifyResponseInput[], limits = {}) {
  const workers = await Promise.all(identities.map((identity) => worker(t, (size) => size, { identity })));
  const targets = workers.map(({ address }) => address);
  const pool = poolOf(t, targets, limits);
  await pool.join();
  const done = await Promise.all([1, 2, 3, 4].map((size) => run(pool, size)));
  return { pool, workers, used: [...new Set(done.map(({ worker: by }) => by))] };
}

const usual = { threads: '1', device: 'cpu' };

for (const [what, one, other] of [
  ['build', { build: '0.1.0+a' }, { build: '0.1.0+b' }],
  ['threads', { environment: usual }, { environment: { ...usual, threads: '2' } }],
  ['device', { environment: usual }, { environment: { ...usual, device: 'cuda' } }],
  ['device', { environment: usual }, { environment: { threads: '1' } }],
] as const) {
  test(`of two workers with unlike ${what}, one serves, and the other is refused with both`, async (t) => {
    const { log, refusal } = refusals();
    const { pool, workers, used } = await pair(t, [one, other], { log });
    const release = pool.hold();
    assert.equal(used.length, 1);
    await workers.find(({ address }) => address === used[0])?.stop();
    const problem =
      what === 'build'
        ? /it is build 0\.1\.0\+[ab], the others are build 0\.1\.0\+[ab]; run the same build everywhere/
        : new RegExp(`it has ${what} \\w+ instead of \\w+, so its results may differ .* or set UNLIKE_WORKERS=allow`);
    const job = run(pool, 1);
    assert.match(await refusal, problem);
    release();
    assert.equal((await job).value, 1, 'without a run, the other becomes the reference');
  });
}

test('unlike environments are admitted where that is allowed, other builds never', async (t) => {
  const allowed = await pair(t, [{}, { environment: { ...usual, threads: '2' } }], { allowUnlike: true });
  assert.equal(allowed.used.length, 2);
  const builds = await pair(t, [{}, { build: 'other' }], { allowUnlike: true });
  assert.equal(builds.used.length, 1);
});

test('workers of another engine are never admitted beside the others, nor to a run that has begun', async (t) => {
  const identities = [{}, { build: 'another', environment: { ...usual, engine: 'vllm' } }];
  const { log, refusal } = refusals();
  const { pool, used } = await pair(t, identities, { allowUnlike: true, log });
  assert.equal(used.length, 1);
  const [own, other] = pool.reference?.environment['engine'] === 'vllm' ? ['native', 'vllm'] : ['vllm', 'native'];
  assert.match(await refusal, new RegExp(`its engine is ${own}, the others' is ${other}; give all the same engine`));
  const recorded = { build: undefined, environment: { ...usual, engine: 'sglang' } };
  assert.throws(
    () => pool.hold(recorded),
    (error) =>
      error instanceof PauseNeeded &&
      /have engine .* instead of sglang, which the run was trained with, so its results would differ; start such workers$/.test(
        error.message,
      ),
  );
});

test('a run that was trained with another environment waits, and the message says which', async (t) => {
  const { address } = await worker(t, (size) => size);
  const pool = poolOf(t, [address]);
  await run(pool, 1);
  const recorded = { build: undefined, environment: { threads: '4', device: 'cpu' } };
  assert.throws(
    () => pool.hold(recorded),
    (error) =>
      error instanceof PauseNeeded && /the rollout workers have threads 1 instead of 4, which/.test(error.message),
  );
});

test('a worker that was restarted as another is identified again before it gets a job', async (t) => {
  const first = await worker(t, (size) => size);
  const { log, refusal } = refusals();
  const pool = poolOf(t, [first.address], { log });
  const release = pool.hold();
  t.after(async () => release());
  await run(pool, 1);
  await first.stop();
  const environment = { threads: '2', device: 'cpu' };
  // Like @gapo/worker, it refuses work meant for another instance.
  await worker(
    t,
    () => {
      throw new RpcError('ABORTED', 'the worker was restarted since it was identified');
    },
    { address: first.address, identity: { environment } },
  );
  const job = assert.rejects(run(pool, 1));
  assert.match(await refusal, /it has threads 2 instead of 1/);
  pool.close();
  await job;
});
