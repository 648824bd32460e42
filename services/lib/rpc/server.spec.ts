// The life of a server: health, reflection, busy ports, stopping; and what a client sees when one dies.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import type { AdmittedCaller, ArrivingCall } from './authorize.js';
import {
  RpcError,
  checkHealth,
  connect,
  secureProcess,
  serve,
  waitForReady,
  type Handlers,
  type Refusal,
  type Subject,
} from './mod.js';
import { deferred, policyServer, rewardServer } from './testServers.fixture.js';

/** Calls in tests wait for their responses, however busy the machine is. */
const deadlineMs = Infinity;
const service = 'gapo.reward.v1.RewardService';

function coded(code: string, pattern = /./): (error: unknown) => boolean {
  return (error) => error instanceof RpcError && error.code === code && pattern.test(error.message);
}

/**
 * Returns why a server is not ready. If a wait was too short for this machine to get any response, repeats it with twice the
 * time.
 */
async function reasonNotReady(target: string, subject: Subject): Promise<RpcError> {
  for (let waitMs = 500; ; waitMs *= 2) {
    const error: unknown = await waitForReady(target, waitMs, subject).catch((reason: unknown) => reason);
    assert.ok(error instanceof RpcError, 'it is ready');
    if (!/no answer in time|no time was left/.test(error.message)) return error;
  }
}

test('health answers for the server and for its services, and follows setServing', async (t) => {
  const { server } = await rewardServer(t, {});
  assert.equal(await checkHealth(server.address, deadlineMs), 'SERVING');
  assert.equal(await checkHealth(server.address, deadlineMs, service), 'SERVING');
  await assert.rejects(checkHealth(server.address, deadlineMs, 'gapo.none.v1.None'), coded('NOT_FOUND'));
  server.setServing(false);
  assert.equal(await checkHealth(server.address, deadlineMs, service), 'NOT_SERVING');
  const starting = await reasonNotReady(server.address, { what: "reward service 'x'" });
  assert.equal(starting.code, 'UNAVAILABLE');
  assert.match(starting.message, /reward service 'x' at .* does not answer: it answers NOT_SERVING/);
  server.setServing(true);
  await waitForReady(server.address, deadlineMs);
});

test('a server whose services cannot be called yet is not ready', async (t) => {
  const server = await serve({ address: '127.0.0.1:0', services: [], serving: false });
  t.after(() => server.stop());
  assert.equal(await checkHealth(server.address, deadlineMs), 'NOT_SERVING');
});

test('a busy port is one clear error', async (t) => {
  const { server } = await rewardServer(t, {});
  await assert.rejects(
    serve({ address: server.address, services: [] }),
    coded(
      'FAILED_PRECONDITION',
      /^cannot listen on 127\.0\.0\.1:\d+: another process holds that port; stop it .* choose/,
    ),
  );
  await assert.rejects(serve({ address: '50051', services: [] }), coded('INVALID_ARGUMENT', /write host:port/));
});

test('the error distinguishes a closed port, an unknown host and another server on the port', async (t) => {
  const { server } = await rewardServer(t, {});
  await server.stop();
  const subject = { what: "reward service 'helpful'", setting: 'objectives[0].address in run.yaml' };
  const stopped = await reasonNotReady(server.address, subject);
  assert.equal(stopped.code, 'UNAVAILABLE');
  assert.match(
    stopped.message,
    /^reward service 'helpful' at 127\.0\.0\.1:\d+ does not answer: connection refused; start it or correct objectives\[0\]/,
  );
  const stranger = createServer((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')).listen(0, '127.0.0.1');
  t.after(() => stranger.close());
  await once(stranger, 'listening');
  const { port } = stranger.address() as { port: number };
  const other = await reasonNotReady(`127.0.0.1:${port}`, subject);
  assert.equal(other.code, 'UNAVAILABLE');
  assert.match(other.message, /does not answer: the server there does not speak gRPC/);
  const client = connect(service, server.address);
  t.after(() => client.close());
  await assert.rejects(client.Score({}, { deadlineMs }), { code: 'UNAVAILABLE', details: 'connection refused' });
});

test('waitForReady waits for a server that starts later', async (t) => {
  const first = await rewardServer(t, {});
  const { address } = first.server;
  await first.server.stop();
  const waiting = waitForReady(address, deadlineMs);
  await rewardServer(t, {}, { address });
  await waiting;
});

test('a call under way finishes within the grace time of a stop, and new ones are refused', async (t) => {
  const started = deferred<void>();
  const finish = deferred<void>();
  const Score: Handlers<typeof service>['Score'] = async () => {
    started.resolve();
    await finish.promise;
    return { version: 'done' };
  };
  const { server, client } = await rewardServer(t, { Score }, { shutdownGraceMs: 600_000 });
  const call = client.Score({}, { deadlineMs });
  await started.promise;
  const stopped = server.stop();
  await assert.rejects(client.Describe({}, { deadlineMs }), coded('UNAVAILABLE'));
  finish.resolve();
  assert.equal((await call).version, 'done');
  await stopped;
});

test('a stop ends endOnStop streams with UNAVAILABLE at once', async (t) => {
  const reason = deferred<RpcError>();
  const { server, client } = await policyServer(
    t,
    async function* (_request, context) {
      yield { chunk: { offset: 0, data: Buffer.alloc(4) } };
      context.signal.addEventListener('abort', () => reason.resolve(context.signal.reason as RpcError));
      await new Promise(() => undefined);
    },
    { endOnStop: true, shutdownGraceMs: 600_000 },
  );
  const stream = client.GetVersion({}, { deadlineMs })[Symbol.asyncIterator]();
  await stream.next();
  const next = assert.rejects(stream.next(), coded('UNAVAILABLE', /the server is stopping/));
  await server.stop();
  await next;
  assert.equal((await reason.promise).retryable, true);
});

test('a stop ends other streams with UNAVAILABLE after the grace time, even where the handler does not listen', async (t) => {
  const { server, client } = await policyServer(
    t,
    async function* () {
      yield { chunk: { offset: 0, data: Buffer.alloc(4) } };
      await new Promise(() => undefined);
    },
    { shutdownGraceMs: 20 },
  );
  const stream = client.GetVersion({}, { deadlineMs })[Symbol.asyncIterator]();
  await stream.next();
  const next = assert.rejects(stream.next(), coded('UNAVAILABLE', /the server stopped before/));
  await server.stop();
  await next;
});

test('a stream ends with its caller’s credential, whichever way that ends', async (t) => {
  const refusals: Refusal[] = [];
  secureProcess({ onRefused: (refusal) => refusals.push(refusal) });
  t.after(() => secureProcess({}));
  const revocation = new AbortController();
  const callers: Readonly<Record<string, AdmittedCaller>> = {
    revoked: { name: 'ada', role: 'viewer', revoked: revocation.signal },
    expiring: { name: 'bob', role: 'viewer', expires: new Date() },
    // Further away than a timer reaches.
    lasting: { name: 'eve', role: 'viewer', expires: new Date(Date.now() + 2 ** 40) },
  };
  const admit = async ({ authorization = '' }: ArrivingCall): Promise<AdmittedCaller> =>
    callers[authorization] ?? assert.fail(authorization);
  let open = 0;
  const { client } = await policyServer(
    t,
    async function* (_request, { signal }) {
      open += 1;
      try {
        yield { chunk: { offset: 0, data: Buffer.alloc(4) } };
        if (!signal.aborted) await once(signal, 'abort');
      } finally {
        open -= 1;
      }
    },
    { admission: { service: 'gapo.policy.v1.PolicyService', admit } },
  );
  const watch = (authorization: string) =>
    client.GetVersion({}, { deadlineMs, metadata: { authorization } })[Symbol.asyncIterator]();
  const read = async (authorization: string): Promise<void> => {
    const stream = watch(authorization);
    while ((await stream.next()).done !== true);
  };
  await assert.rejects(read('expiring'), coded('UNAUTHENTICATED', /the token of bob has expired/));
  const lasting = watch('lasting');
  await lasting.next();
  const revoked = watch('revoked');
  await revoked.next();
  const taken = assert.rejects(revoked.next(), coded('UNAUTHENTICATED', /ada was taken back/));
  revocation.abort(new RpcError('UNAUTHENTICATED', 'the token of ada was taken back'));
  await taken;
  await assert.rejects(read('revoked'), coded('UNAUTHENTICATED', /ada was taken back/));
  assert.equal(open, 1, 'only the lasting one is open');
  await lasting.return?.();
  assert.deepEqual(
    refusals.map(({ reason, path, why }) => [reason, path, why.slice(0, 16)]),
    ['bob', 'ada', 'ada'].map((name) => ['token', '/gapo.policy.v1.PolicyService/GetVersion', `the token of ${name}`]),
  );
});

test('a stop is not held up by a reader that does not read', async (t) => {
  const data = Buffer.alloc(1 << 20);
  const { server, client } = await policyServer(
    t,
    async function* () {
      for (let offset = 0; ; offset += 1) yield { chunk: { offset, data } };
    },
    { shutdownGraceMs: 20 },
  );
  const stream = client.GetVersion({}, { deadlineMs })[Symbol.asyncIterator]();
  await stream.next();
  await server.stop();
  await assert.rejects(async () => {
    while ((await stream.next()).done !== true);
  }, coded('UNAVAILABLE'));
});

test('a server that is killed while it streams is UNAVAILABLE', async (t) => {
  const program = `
    import { implement, serve } from ${JSON.stringify(new URL('mod.js', import.meta.url).href)};
    const policy = implement('gapo.policy.v1.PolicyService', {
      async *GetVersion() {
        yield { chunk: { offset: 0, data: Buffer.alloc(4) } };
        await new Promise(() => undefined);
      },
    });
    console.log((await serve({ address: '127.0.0.1:0', services: [policy] })).address);
  `;
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.after(() => child.kill('SIGKILL'));
  const [address] = (await once(createInterface(child.stdout), 'line')) as [string];
  const client = connect('gapo.policy.v1.PolicyService', address);
  t.after(() => client.close());
  const stream = client.GetVersion({}, { deadlineMs })[Symbol.asyncIterator]();
  await stream.next();
  child.kill('SIGKILL');
  await assert.rejects(stream.next(), coded('UNAVAILABLE'));
});
