// Mutual TLS from both ends: who is admitted, who is refused and why, and certificates renewed during calls.
import assert from 'node:assert/strict';
import { rename } from 'node:fs/promises';
import { test, type TestContext } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { testAuthority, testCertificates, type TestCertificates, type Variant } from '@gapo/certificates/testing';
import {
  CertificateFiles,
  checkHealth,
  connect,
  implement,
  RpcError,
  secureProcess,
  serve,
  serveHealth,
  type Client,
  type Refusal,
  type RunningServer,
  type Security,
  type TlsFiles,
} from '../mod.js';
import { deferred } from '../testServers.fixture.js';

const deadlineMs = 60_000;
const rewardName = 'gapo.reward.v1.RewardService';

interface Log {
  readonly infos: string[];
  readonly warnings: string[];
}

async function open(
  t: TestContext,
  files: TlsFiles,
  log: Log = { infos: [], warnings: [] },
): Promise<CertificateFiles> {
  const observer = { info: (text: string) => log.infos.push(text), warn: (text: string) => log.warnings.push(text) };
  const opened = await CertificateFiles.open(files, observer);
  t.after(() => opened.close());
  return opened;
}

interface World {
  readonly certificates: TestCertificates;
  readonly server: RunningServer;
  readonly files: CertificateFiles;
  readonly refusals: Refusal[];
  /** Identities of the callers, in order. */
  readonly callers: (string | undefined)[];
}

/** A reward service with mutual TLS. */
async function world(t: TestContext, security: Security = {}): Promise<World> {
  const certificates = await testCertificates(t);
  const files = await open(t, await certificates.issue('reward', { uris: ['spiffe://gapo/reward/helpful'] }));
  const refusals: Refusal[] = [];
  const callers: (string | undefined)[] = [];
  secureProcess({ files, onRefused: (refusal) => refusals.push(refusal), ...security });
  t.after(() => secureProcess({}));
  const reward = implement(rewardName, {
    Describe: async (_, { identity }) => {
      callers.push(identity);
      return { objective: 'helpful' };
    },
    Score: async () => ({ results: [] }),
  });
  const server = await serve({ address: '127.0.0.1:0', services: [reward], shutdownGraceMs: 0 });
  t.after(() => server.stop());
  return { certificates, server, files, refusals, callers };
}

/** A client whose process has these files. */
async function clientWith(t: TestContext, { server }: World, files: TlsFiles): Promise<Client<typeof rewardName>> {
  secureProcess({ files: await open(t, files) });
  const client = connect(rewardName, server.address);
  t.after(() => client.close());
  return client;
}

async function describe(client: Client<typeof rewardName>): Promise<string> {
  return (await client.Describe({}, { deadlineMs })).objective;
}

function coded(code: string, pattern: RegExp): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof RpcError, String(error));
    assert.equal(error.code, code, error.message);
    assert.match(error.message, pattern);
    return true;
  };
}

test('the coordinator is admitted by its identity, which the handler sees', async (t) => {
  const running = await world(t);
  const client = await clientWith(t, running, await running.certificates.issue('coordinator'));
  assert.equal(await describe(client), 'helpful');
  assert.deepEqual(running.callers, ['spiffe://gapo/coordinator']);
  assert.equal(await checkHealth(running.server.address, deadlineMs, rewardName), 'SERVING');
  assert.deepEqual(running.refusals, []);
});

test('a peer without the right certificate is refused, with the reason, its name and its address', async (t) => {
  const running = await world(t);
  const { certificates, server, refusals } = running;
  const stranger = await testAuthority();
  const cases: [string, Variant | undefined, string, Refusal['reason'], RegExp][] = [
    ['none', undefined, 'UNAUTHENTICATED', 'certificate', /presented no certificate/],
    [
      'coordinator',
      { authority: stranger },
      'UNAUTHENTICATED',
      'certificate',
      /coordinator, is not signed by an authority of TLS_CA_FILE/,
    ],
    [
      'rollout',
      {},
      'PERMISSION_DENIED',
      'identity',
      /spiffe:\/\/gapo\/rollout may not call gapo\.reward\.v1\.RewardService, only spiffe:\/\/gapo\/coordinator/,
    ],
    ['below', { uris: ['spiffe://gapo/coordinators'] }, 'PERMISSION_DENIED', 'identity', /coordinators may not/],
    ['foreign', { uris: ['spiffe://elsewhere/coordinator'] }, 'PERMISSION_DENIED', 'identity', /elsewhere/],
    [
      'hidden',
      { uris: ['spiffe://gapo/x, URI:spiffe://gapo/coordinator'] },
      'PERMISSION_DENIED',
      'identity',
      /may not/,
    ],
    ['nameless', { uris: [], hosts: ['127.0.0.1'] }, 'PERMISSION_DENIED', 'identity', /without a name/],
  ];
  for (const [name, variant, code, reason, message] of cases) {
    const files = variant === undefined ? { caFile: certificates.caFile } : await certificates.issue(name, variant);
    const client = await clientWith(t, running, files);
    await assert.rejects(describe(client), coded(code, message));
    const refusal = refusals.pop();
    assert.equal(refusal?.reason, reason);
    assert.equal(refusal.path, '/gapo.reward.v1.RewardService/Describe');
    assert.match(refusal.peer, /^127\.0\.0\.1:\d+$/);
    assert.equal(refusals.length, 0);
    client.close();
  }
  assert.deepEqual(running.callers, []);
  // Health checks reveal no secrets and probes have no certificate; a certificate is still verified if there is one.
  secureProcess({ files: await open(t, { caFile: certificates.caFile }) });
  assert.equal(await checkHealth(server.address, deadlineMs), 'SERVING');
  secureProcess({});
  await assert.rejects(checkHealth(server.address, deadlineMs), coded('UNAVAILABLE', /./));
});

test('a certificate that has expired is refused by the server', async (t) => {
  const running = await world(t);
  const { certFile, keyFile, caFile } = await running.certificates.issue('coordinator', { days: -1 });
  const { cert, key, ca } = await contentsOf({ certFile, keyFile, caFile });
  const [host = '', port] = running.server.address.split(':');
  // The platform's own clients refuse to start with it, so this is a plain TLS client.
  const socket = connectTls({
    host,
    port: Number(port),
    cert,
    key,
    ca,
    ALPNProtocols: ['h2'],
    servername: 'localhost',
  });
  t.after(() => socket.destroy());
  const { connect: http2Connect } = await import('node:http2');
  const session = http2Connect('https://localhost', { createConnection: () => socket });
  t.after(() => session.destroy());
  const answered = deferred<Record<string, unknown>>();
  session
    .request({
      ':method': 'POST',
      ':path': `/${rewardName}/Describe`,
      'content-type': 'application/grpc',
      te: 'trailers',
    })
    .on('response', answered.resolve)
    .end(Buffer.alloc(5));
  const headers = await answered.promise;
  assert.equal(headers['grpc-status'], '16');
  assert.match(decodeURIComponent(String(headers['grpc-message'])), /spiffe:\/\/gapo\/coordinator, has expired/);
  assert.equal(running.refusals.at(-1)?.name, 'spiffe://gapo/coordinator');
});

async function contentsOf({
  certFile = '',
  keyFile = '',
  caFile = '',
}: TlsFiles): Promise<{ cert: Buffer; key: Buffer; ca: Buffer }> {
  const { readFile } = await import('node:fs/promises');
  const [cert, key, ca] = await Promise.all([certFile, keyFile, caFile].map((path) => readFile(path)));
  assert.ok(cert !== undefined && key !== undefined && ca !== undefined);
  return { cert, key, ca };
}

test('a client refuses a server of another role, and one of another authority', async (t) => {
  const running = await world(t);
  const impostor = await open(t, await running.certificates.issue('gradient'));
  secureProcess({ files: impostor });
  const service = implement(rewardName, { Describe: async () => ({}), Score: async () => ({}) });
  const other = await serve({ address: '127.0.0.1:0', services: [service], shutdownGraceMs: 0 });
  t.after(() => other.stop());
  secureProcess({ files: await open(t, await running.certificates.issue('coordinator')) });
  const client = connect(rewardName, other.address);
  t.after(() => client.close());
  await assert.rejects(
    describe(client),
    coded('UNAVAILABLE', /its certificate is that of spiffe:\/\/gapo\/gradient, expected spiffe:\/\/gapo\/reward/),
  );
  const stranger = await testCertificates(t);
  const lost = await clientWith(t, running, await stranger.issue('coordinator'));
  await assert.rejects(describe(lost), coded('UNAVAILABLE', /not signed by an authority that this process trusts/));
});

test('a server without an identity must have the name that was dialled; allowed peers may have DNS names', async (t) => {
  const running = await world(t, { allowedPeers: ['trainer.example.org'] });
  const trainer = await running.certificates.issue('trainer', { uris: [], hosts: ['trainer.example.org'] });
  assert.equal(await describe(await clientWith(t, running, trainer)), 'helpful');
  secureProcess({
    files: await open(
      t,
      await running.certificates.issue('plain', { uris: [], hosts: ['localhost', 'elsewhere.org'] }),
    ),
  });
  const service = implement(rewardName, { Describe: async () => ({}), Score: async () => ({}) });
  const other = await serve({ address: '127.0.0.1:0', services: [service], shutdownGraceMs: 0 });
  t.after(() => other.stop());
  const port = other.address.split(':')[1] ?? '';
  secureProcess({ files: await open(t, trainer) });
  const byAddress = connect(rewardName, other.address);
  t.after(() => byAddress.close());
  await assert.rejects(describe(byAddress), coded('UNAVAILABLE', /belongs to another host/));
  const byName = connect(rewardName, `localhost:${port}`);
  t.after(() => byName.close());
  await assert.rejects(describe(byName), coded('PERMISSION_DENIED', /trainer\.example\.org may not call/));
});

test('a client that speaks no TLS is counted, and sees a broken connection', async (t) => {
  const running = await world(t);
  secureProcess({});
  const client = connect(rewardName, running.server.address);
  t.after(() => client.close());
  await assert.rejects(describe(client), coded('UNAVAILABLE', /./));
  assert.equal(running.refusals[0]?.reason, 'handshake');
});

test('renewed files serve new connections, while a call continues over the old one', async (t) => {
  const certificates = await testCertificates(t);
  const log: Log = { infos: [], warnings: [] };
  const files = await open(t, await certificates.issue('coordinator'), log);
  secureProcess({ files });
  t.after(() => secureProcess({}));
  const finish = deferred<void>();
  const policy = implement('gapo.policy.v1.PolicyService', {
    async *GetVersion() {
      yield { chunk: { offset: 0, data: Buffer.alloc(4) } };
      await finish.promise;
      yield { chunk: { offset: 4, data: Buffer.alloc(4) } };
    },
  });
  const server = await serve({ address: '127.0.0.1:0', services: [policy], shutdownGraceMs: 0 });
  t.after(() => server.stop());
  secureProcess({ files: await open(t, await certificates.issue('rollout')) });
  const client = connect('gapo.policy.v1.PolicyService', server.address);
  t.after(() => client.close());
  const stream = client.GetVersion({}, { deadlineMs })[Symbol.asyncIterator]();
  assert.equal((await stream.next()).done, false);

  const serial = async (): Promise<string | undefined> => {
    const [host = '', port] = server.address.split(':');
    const socket = connectTls({
      host,
      port: Number(port),
      ca: certificates.authority.cert,
      ALPNProtocols: ['h2'],
      servername: 'localhost',
    });
    await new Promise((resolve) => socket.once('secureConnect', resolve));
    const { serialNumber } = socket.getPeerCertificate();
    socket.destroy();
    return serialNumber;
  };
  const before = await serial();
  // A key without its certificate: half of a renewal.
  await certificates.issue('next', { uris: ['spiffe://gapo/coordinator'] });
  await rename(`${certificates.directory}/next.key`, `${certificates.directory}/coordinator.key`);
  await files.refresh();
  await files.refresh();
  assert.equal(log.warnings.length, 1);
  assert.match(log.warnings[0] ?? '', /stays: TLS_KEY_FILE: .* is not the key of the certificate in TLS_CERT_FILE/);
  assert.equal(await serial(), before);
  await rename(`${certificates.directory}/next.crt`, `${certificates.directory}/coordinator.crt`);
  await files.refresh();
  assert.match(log.infos[0] ?? '', /read again, valid until .*: new connections use them/);
  assert.notEqual(await serial(), before);

  finish.resolve();
  assert.equal((await stream.next()).done, false);
  assert.equal((await stream.next()).done, true);
  // The client's own certificate is renewed too.
  const again = connect('gapo.policy.v1.PolicyService', server.address);
  t.after(() => again.close());
  const second = again.GetVersion({}, { deadlineMs })[Symbol.asyncIterator]();
  assert.equal((await second.next()).done, false);
});

test('health alone is served without TLS on any address', async (t) => {
  const running = await world(t);
  const probe = await serveHealth('0.0.0.0:0');
  t.after(() => probe.stop());
  secureProcess({});
  const address = probe.address.replace('0.0.0.0', '127.0.0.1');
  assert.equal(await checkHealth(address, deadlineMs), 'SERVING');
  const client = connect(rewardName, address);
  t.after(() => client.close());
  await assert.rejects(describe(client), coded('UNIMPLEMENTED', /./));
  assert.deepEqual(running.callers, []);
});
