/**
 * Logins to real servers: tokens, passwords, credentials files, nkeys, certificates, permissions. No message reveals a secret.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test, type TestContext } from 'node:test';
import * as nkeys from 'nkeys.js';
import {
  all,
  collector,
  configuredServer,
  noServer,
  patienceMs,
  publishStates,
  refusal,
  stateOf,
  temporaryDirectory,
  testBus,
} from './events.fixture.js';
import { connectEvents, type ConnectOptions } from './mod.js';
import { neededPermissions } from './permissions.js';
import { parseServers } from './serverUrl.js';

let runs = 0;

/** Sends an event of a new run through a server and reads it back. */
async function roundTrip(t: TestContext, options: Partial<ConnectOptions>): Promise<void> {
  const run = `run-${++runs}`;
  const { bus, errors } = await testBus(t, options);
  const { handler, first } = collector();
  await bus.subscribe({}, handler);
  publishStates(bus, run, 1);
  assert.ok(await bus.flush(patienceMs));
  assert.deepEqual((await first(1)).map(stateOf), ['0']);
  assert.equal((await all(bus.replay(run))).length, 1);
  assert.deepEqual(errors, []);
}

function fileIn(t: TestContext, name: string, text: string): string {
  const path = join(temporaryDirectory(t), name);
  writeFileSync(path, text);
  return path;
}

const withLogin = (url: string, login: string) => url.replace('//', `//${login}@`);

describe('a login', { skip: noServer }, () => {
  test('a token, in the URL or as a user without password', async (t) => {
    const { url } = await configuredServer(t, 'STORE\nauthorization { token: "s3cr3t/token" }');
    await roundTrip(t, { url: withLogin(url, 's3cr3t%2Ftoken') });
    await roundTrip(t, { url, login: { user: 's3cr3t/token' } });
    const message = await refusal(connectEvents({ url: withLogin(url, 'wr0ng'), source: 'x' }));
    assert.match(message, /^cannot connect to NATS at nats:\/\/127\.0\.0\.1:\d+: the login was rejected; set /);
    assert.doesNotMatch(message, /wr0ng/);
  });

  const passwords = ['p/ss', 'p,ss', 'p@ss', 'p:ss', 'p%ss', 'p#s?s', 'pä ss', 'p%41'];
  test('passwords with special characters, percent-encoded or apart from the URL', async (t) => {
    const users = passwords.map((password, i) => `{ user: u${i}, password: ${JSON.stringify(password)} }`);
    const { url } = await configuredServer(t, `STORE\nauthorization { users: [${users.join(', ')}] }`);
    for (const [i, password] of passwords.entries()) {
      const { bus } = await testBus(t, { url: withLogin(url, `u${i}:${encodeURIComponent(password)}`) });
      await bus.close(100);
      const { bus: second } = await testBus(t, { url, login: { user: `u${i}`, password } });
      await second.close(100);
    }
  });

  test('a user with an empty password is not a token', () => {
    assert.deepEqual(parseServers('nats://u:@h').login, { user: 'u', password: '' });
    assert.deepEqual(parseServers('nats://u@h').login, { token: 'u' });
    assert.equal(parseServers('nats://h').login, undefined);
  });

  test('an nkey, whose file may have comments', async (t) => {
    const pair = nkeys.createUser();
    const { url } = await configuredServer(t, `STORE\nauthorization { users: [{ nkey: ${pair.getPublicKey()} }] }`);
    const seed = Buffer.from(pair.getSeed()).toString();
    await roundTrip(t, { url, login: { nkeyFile: fileIn(t, 'user.nk', `# of gapo\r\n${seed}\r\n`) } });
    const other = Buffer.from(nkeys.createUser().getSeed()).toString();
    const message = await refusal(connectEvents({ url, source: 'x', login: { nkeyFile: fileIn(t, 'o.nk', other) } }));
    assert.match(message, /the login was rejected/);
    assert.ok(!message.includes(other));
  });

  test('a credentials file, also with the line ends of Windows', async (t) => {
    const world = jwtWorld();
    const { url } = await configuredServer(t, `STORE\n${world.config}`);
    const creds = (text: string) => ({ credentialsFile: fileIn(t, 'user.creds', text) });
    await roundTrip(t, { url, login: creds(world.creds) });
    await roundTrip(t, { url, login: creds(world.creds.trimEnd().replaceAll('\n', '\r\n')) });
  });

  test('missing or unsuitable files are named with their variable', async (t) => {
    const url = 'nats://127.0.0.1:9';
    const refused = (options: Partial<ConnectOptions>) => refusal(connectEvents({ url, source: 'x', ...options }));
    assert.match(
      await refused({ login: { credentialsFile: '/absent.creds' } }),
      /^NATS_CREDS: \/absent\.creds cannot be read/,
    );
    const wrong = fileIn(t, 'wrong', 's3cret\n');
    assert.match(await refused({ login: { credentialsFile: wrong } }), /^NATS_CREDS: .*is not a credentials file/);
    assert.match(await refused({ login: { nkeyFile: wrong } }), /^NATS_NKEY: .*has no seed of an nkey/);
    assert.match(await refused({ tls: { caFile: wrong } }), /^NATS_CA: .*has no PEM block/);
    assert.match(await refused({ tls: { certFile: wrong } }), /NATS_CERT is set without NATS_KEY/);
    assert.match(await refused({ login: { password: 's3cret' } }), /NATS_PASSWORD is set without NATS_USER/);
    const both = await refused({ url: 'nats://u:s3cret@127.0.0.1:9', login: { user: 'u', password: 's3cret' } });
    assert.match(both, /^a login in NATS_URL and NATS_USER are set, expected one of them/);
    assert.ok(!both.includes('s3cret'));
  });
});

describe('a URL that cannot be used', () => {
  const cases: [string, RegExp][] = [
    ['nats://gapo:s3/cret@127.0.0.1:4222', /"nats:\/\/127\.0\.0\.1:4222" has a character that must be percent-encoded/],
    ['nats://gapo:s3,cret@127.0.0.1:4222', /percent-encoded/],
    ['nats://gapo:s3@cret@127.0.0.1:4222', /percent-encoded/],
    ['nats://gapo:s3%cret@127.0.0.1:4222', /percent-encoded/],
    ['nats://gapo:s3#cret@127.0.0.1:4222', /percent-encoded/],
    ['nats://gapo:12/s3cret@127.0.0.1:4222', /percent-encoded/],
    ['nats://gapo:%FFs3cret@127.0.0.1:4222', /not UTF-8/],
    ['nats://gapo:s3cret', /found "nats:\/\/gapo:\.\.\.", expected a URL such as nats:\/\/host:4222/],
    ['http://gapo:s3cret@127.0.0.1:4222', /expected nats:\/\/ or tls:\/\/, not http:\/\//],
    ['nats://a:s3cret@h1,nats://b:s3cret@h2', /different logins/],
    ['', /found ""/],
  ];
  for (const [url, message] of cases) {
    test(url, async () => {
      const said = await refusal(connectEvents({ url, source: 'x' }));
      assert.match(said, /^NATS_URL: /);
      assert.match(said, message);
      assert.doesNotMatch(said, /s3|cret/);
    });
  }
});

describe('permissions', { skip: noServer }, () => {
  const server = (t: TestContext, permissions: object) =>
    configuredServer(
      t,
      `STORE\nauthorization { users: [{ user: gapo, password: pw, permissions: ${JSON.stringify(permissions)} }] }`,
    );
  const login = { user: 'gapo', password: 'pw' };
  const needed = neededPermissions('GAPO');

  test('those that the message lists are enough to publish, subscribe and replay', async (t) => {
    const { url } = await server(t, needed);
    await roundTrip(t, { url, login });
  });

  test('a stream that exists needs no permission to create it', async (t) => {
    const publish = needed.publish.filter((subject) => !subject.includes('STREAM.CREATE'));
    const { url } = await configuredServer(
      t,
      `STORE\nauthorization { users: [{ user: op, password: pw }, { user: gapo, password: pw, permissions: ${JSON.stringify({ ...needed, publish })} }] }`,
    );
    const missing = await refusal(connectEvents({ url, source: 'x', login }));
    assert.match(missing, /does not allow this login to publish to \$JS\.API\.STREAM\.CREATE\.GAPO/);
    await testBus(t, { url, login: { user: 'op', password: 'pw' } });
    await roundTrip(t, { url, login });
  });

  test('without those of JetStream the message lists what is needed', async (t) => {
    const { url } = await server(t, { publish: ['gapo.>'], subscribe: ['_INBOX.>'] });
    const said = await refusal(connectEvents({ url, source: 'x', login }));
    assert.match(
      said,
      /^NATS at nats:\/\/127\.0\.0\.1:\d+ does not allow this login to publish to \$JS\.API\.STREAM\.INFO\.GAPO; allow it/,
    );
    for (const subject of needed.publish) assert.ok(said.includes(subject), subject);
  });

  test('without answers the message says so', async (t) => {
    const { url } = await server(t, { publish: ['>'], subscribe: ['gapo.>'] });
    assert.match(
      await refusal(connectEvents({ url, source: 'x', login })),
      /does not allow this login to subscribe to _INBOX\./,
    );
  });

  test('a reader that may not create a consumer fails at once', async (t) => {
    const publish = needed.publish.filter((subject) => !subject.includes('CONSUMER.CREATE'));
    const { url } = await server(t, { ...needed, publish });
    const { bus } = await testBus(t, { url, login });
    assert.match(
      await refusal(bus.subscribe({}, () => undefined)),
      /does not allow this login to publish to \$JS\.API\.CONSUMER\.CREATE\.GAPO/,
    );
  });

  test('a denied request for messages, which has no answer, is reported', async (t) => {
    const publish = needed.publish.filter((subject) => !subject.includes('MSG.NEXT'));
    const { url } = await server(t, { ...needed, publish });
    let report: (message: string) => void = () => undefined;
    const reported = new Promise<string>((resolve) => (report = resolve));
    const { bus } = await testBus(t, { url, login, onError: ({ message }) => report(message) });
    await bus.subscribe({}, () => undefined);
    assert.match(await reported, /does not allow this login to publish to \$JS\.API\.CONSUMER\.MSG\.NEXT\.GAPO\./);
  });
});

describe('TLS', { skip: noServer || !hasOpenssl() }, () => {
  test('a private authority, a client certificate, and what to set if they are missing', async (t) => {
    const files = certificates(t);
    const { url } = await configuredServer(
      t,
      `STORE\ntls { cert_file: "${files.cert}", key_file: "${files.key}", ca_file: "${files.cert}", verify: true }`,
    );
    const { port } = new URL(url);
    for (const host of ['localhost', '127.0.0.1']) {
      const at = `tls://${host}:${port}`;
      await roundTrip(t, { url: at, tls: { caFile: files.cert, certFile: files.cert, keyFile: files.key } });
      assert.match(await refusal(connectEvents({ url: at, source: 'x' })), /NATS_CA names the authorities to trust/);
      const anonymous = await refusal(connectEvents({ url: at, source: 'x', tls: { caFile: files.cert } }));
      assert.match(anonymous, /NATS_CERT and NATS_KEY/);
    }
  });

  test('a server without TLS is refused for tls://', async (t) => {
    const { url } = await configuredServer(t, 'STORE');
    assert.match(
      await refusal(connectEvents({ url: url.replace('nats:', 'tls:'), source: 'x' })),
      /the server has no TLS/,
    );
  });
});

function hasOpenssl(): boolean {
  try {
    execFileSync('openssl', ['version']);
    return true;
  } catch {
    return false;
  }
}

/** Writes a self-signed certificate for localhost and 127.0.0.1, used as server, client and authority. */
function certificates(t: TestContext): { cert: string; key: string } {
  const directory = temporaryDirectory(t);
  const [cert, key] = [join(directory, 'cert.pem'), join(directory, 'key.pem')];
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'];
  const create = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
  execFileSync('openssl', [...create, '-keyout', key, '-out', cert, ...subject], { stdio: 'ignore' });
  return { cert, key };
}

/** Creates an operator, an account and a user as signed JWTs: the server's configuration and the user's credentials file. */
function jwtWorld(): { config: string; creds: string } {
  const [operator, account, user] = [nkeys.createOperator(), nkeys.createAccount(), nkeys.createUser()];
  const encode = (value: object | Uint8Array) =>
    Buffer.from(value instanceof Uint8Array ? value : JSON.stringify(value)).toString('base64url');
  const sign = (issuer: typeof operator, claims: object) => {
    const issued = { jti: 'test', iat: Math.floor(Date.now() / 1000), iss: issuer.getPublicKey(), ...claims };
    const body = `${encode({ typ: 'JWT', alg: 'ed25519-nkey' })}.${encode(issued)}`;
    return `${body}.${encode(issuer.sign(Buffer.from(body)))}`;
  };
  const [operatorId, accountId, userId] = [operator, account, user].map((pair) => pair.getPublicKey());
  const unlimited = { subs: -1, data: -1, payload: -1 };
  const limits = { ...unlimited, imports: -1, exports: -1, wildcards: true, conn: -1, leaf: -1 };
  const storage = { mem_storage: -1, disk_storage: -1, streams: -1, consumer: -1 };
  const operatorJwt = sign(operator, { sub: operatorId, name: 'O', nats: { type: 'operator', version: 2 } });
  const accountJwt = sign(operator, {
    sub: accountId,
    name: 'A',
    nats: { type: 'account', version: 2, limits: { ...limits, ...storage } },
  });
  const userJwt = sign(account, { sub: userId, name: 'U', nats: { type: 'user', version: 2, ...unlimited } });
  const systemAccount = nkeys.createAccount();
  const systemId = systemAccount.getPublicKey();
  const systemJwt = sign(operator, { sub: systemId, name: 'SYS', nats: { type: 'account', version: 2, limits } });
  return {
    config: `operator: ${operatorJwt}\nsystem_account: ${systemId}\nresolver: MEMORY\nresolver_preload: { ${accountId}: ${accountJwt}, ${systemId}: ${systemJwt} }`,
    creds: `-----BEGIN NATS USER JWT-----\n${userJwt}\n------END NATS USER JWT------\n\n-----BEGIN USER NKEY SEED-----\n${Buffer.from(user.getSeed()).toString()}\n------END USER NKEY SEED------\n`,
  };
}
