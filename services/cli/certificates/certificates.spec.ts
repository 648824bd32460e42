// `gapo certs`: what it creates, keeps and renews.
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { roles } from '@gapo/rpc';
import { makeCertificates, type CertificateOptions, type CertificateRow } from './machineCertificates.js';
import { tlsEnvironment } from './tlsDirectory.js';

const dayMs = 86_400_000;

function options(t: TestContext): CertificateOptions {
  const parent = mkdtempSync(join(tmpdir(), 'gapo-certs-'));
  t.after(() => rmSync(parent, { recursive: true, force: true }));
  const hosts = ['localhost', '127.0.0.1', '::1'];
  return { directory: join(parent, 'certificates'), hosts, days: 90, renew: false, now: Date.now() };
}

const states = (rows: readonly CertificateRow[]): Record<string, string> =>
  Object.fromEntries(rows.map(({ name, state }) => [name, state]));

const all = (state: string, ca = 'kept'): Record<string, string> =>
  Object.fromEntries([['ca', ca], ...roles.map((role): [string, string] => [role, state])]);

const certificate = (path: string): X509Certificate => new X509Certificate(readFileSync(path));

test('every role has a certificate for its identity and the hosts, and only this user reads the keys', async (t) => {
  const wanted = options(t);
  const rows = await makeCertificates(wanted);
  assert.deepEqual(states(rows), all('made', 'made'));
  assert.equal(statSync(wanted.directory).mode & 0o777, 0o700);
  assert.deepEqual(
    readdirSync(wanted.directory).sort(),
    ['ca', ...roles].flatMap((name) => [`${name}.crt`, `${name}.key`]).sort(),
  );
  const authority = certificate(join(wanted.directory, 'ca.crt'));
  assert.equal(authority.ca, true);
  for (const { name, identity, certFile, keyFile, expires } of rows) {
    assert.equal(statSync(keyFile).mode & 0o777, 0o600);
    if (name === 'ca') continue;
    const made = certificate(certFile);
    assert.equal(made.verify(authority.publicKey) && made.checkIssued(authority), true);
    assert.ok(made.subjectAltName?.includes(`URI:${identity}`));
    assert.ok(made.checkHost('localhost') && made.checkIP('127.0.0.1') && made.checkIP('::1'));
    assert.equal(Date.parse(expires), Date.parse(made.validTo));
    const { TLS_CERT_FILE, TLS_KEY_FILE, TLS_CA_FILE } = tlsEnvironment(wanted.directory, name);
    assert.deepEqual([TLS_CERT_FILE, TLS_KEY_FILE, TLS_CA_FILE], [certFile, keyFile, join(wanted.directory, 'ca.crt')]);
  }
  assert.throws(
    () => tlsEnvironment(join(wanted.directory, 'absent'), 'client'),
    /--tls: .* does not exist; `gapo certs/,
  );
});

test('good certificates are kept; what expires soon, is damaged or lacks a host is renewed', async (t) => {
  const wanted = options(t);
  const { directory, now } = wanted;
  await makeCertificates(wanted);
  const before = readFileSync(join(directory, 'reward.crt'), 'utf8');
  assert.deepEqual(states(await makeCertificates({ ...wanted, now: now + 59 * dayMs })), all('kept'));
  assert.equal(readFileSync(join(directory, 'reward.crt'), 'utf8'), before);
  writeFileSync(join(directory, 'reward.crt'), 'damaged');
  writeFileSync(join(directory, 'gateway.key'), readFileSync(join(directory, 'client.key')));
  const mended = states(await makeCertificates(wanted));
  assert.deepEqual(mended, {
    ...all('kept'),
    reward: 'renewed: it was damaged',
    gateway: 'renewed: its key did not match',
  });
  const more = { ...wanted, hosts: [...wanted.hosts, 'gapo.example.org'] };
  assert.deepEqual(states(await makeCertificates(more)), all('renewed: it lacked gapo.example.org'));
  assert.deepEqual(
    states(await makeCertificates({ ...more, now: now + 61 * dayMs })),
    all('renewed: it would have expired soon'),
  );
  assert.deepEqual(states(await makeCertificates({ ...more, now: now + 61 * dayMs, renew: true })), all('renewed'));
  assert.deepEqual(states(await makeCertificates({ ...more, now: now + 400 * dayMs })), all('renewed: it had expired'));
});

test('an authority is replaced before it expires, and both are trusted in the meantime', async (t) => {
  const wanted = options(t);
  await makeCertificates(wanted);
  const file = join(wanted.directory, 'ca.crt');
  const before = readFileSync(file, 'utf8');
  const later = await makeCertificates({ ...wanted, now: wanted.now + 3600 * dayMs });
  assert.deepEqual(
    states(later),
    all('renewed: the authority changed', 'renewed: it would have expired before its certificates'),
  );
  const bundle = readFileSync(file, 'utf8');
  assert.equal(bundle.match(/BEGIN CERTIFICATE/g)?.length, 2);
  assert.ok(bundle.endsWith(before));
  assert.equal(certificate(join(wanted.directory, 'client.crt')).verify(certificate(file).publicKey), true);
  assert.deepEqual(states(await makeCertificates({ ...wanted, now: wanted.now + 3601 * dayMs })), all('kept'));
});

test('an authority without its key, or with another, is one clear error and nothing is written', async (t) => {
  const wanted = options(t);
  await makeCertificates(wanted);
  const key = join(wanted.directory, 'ca.key');
  writeFileSync(key, readFileSync(join(wanted.directory, 'client.key')));
  await assert.rejects(
    makeCertificates(wanted),
    /ca\.crt and .*ca\.key are not an authority that gapo certs made \(the key does not match/,
  );
  rmSync(key);
  const before = readdirSync(wanted.directory);
  await assert.rejects(
    makeCertificates({ ...wanted, renew: true }),
    /ca\.key is missing, but .*ca\.crt exists: put it back/,
  );
  assert.deepEqual(readdirSync(wanted.directory), before);
  const file = join(wanted.directory, 'client.crt');
  await assert.rejects(makeCertificates({ ...wanted, directory: file }), /client\.crt: cannot be written: EEXIST/);
});
