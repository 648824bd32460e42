// Certificate files with mistakes, names in certificates, and where a server may listen.
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { testCertificates } from '@gapo/certificates/testing';
import { CertificateFiles, secureProcess, serve, TlsError, type TlsFiles } from '../mod.js';
import { isLoopback } from './listenRule.js';
import { includesName, namesOf } from './peerNames.js';

const silent = { info: () => undefined, warn: () => undefined };

test('every mistake in the files is one message that names the variable', async (t) => {
  const certificates = await testCertificates(t);
  const good = await certificates.issue('coordinator');
  const other = await certificates.issue('other');
  const old = await certificates.issue('old', { days: -1 });
  const path = (name: string): string => join(certificates.directory, name);
  await writeFile(path('empty'), '');
  await writeFile(
    path('encrypted'),
    '-----BEGIN ENCRYPTED PRIVATE KEY-----\nMII\n-----END ENCRYPTED PRIVATE KEY-----\n',
  );
  await writeFile(path('damaged'), '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n');
  const cases: [TlsFiles, RegExp][] = [
    [{ certFile: 'a', caFile: 'b' }, /^TLS_CERT_FILE is set without TLS_KEY_FILE: set it/],
    [{ keyFile: 'a' }, /^TLS_KEY_FILE is set without TLS_CERT_FILE/],
    [{ certFile: 'a', keyFile: 'b' }, /^TLS_CERT_FILE and TLS_KEY_FILE are set without TLS_CA_FILE/],
    [{ ...good, certFile: path('absent') }, /^TLS_CERT_FILE: .*absent cannot be read: ENOENT/],
    [{ ...good, certFile: path('empty') }, /^TLS_CERT_FILE: .*empty has no certificate/],
    [{ ...good, certFile: path('damaged') }, /^TLS_CERT_FILE: .*damaged has a damaged certificate/],
    [{ ...good, keyFile: path('empty') }, /^TLS_KEY_FILE: .*empty has no private key/],
    [{ ...good, keyFile: path('encrypted') }, /^TLS_KEY_FILE: .*encrypted is encrypted; decrypt it/],
    [
      { ...good, keyFile: other.keyFile },
      /^TLS_KEY_FILE: .*other\.key is not the key of the certificate in TLS_CERT_FILE/,
    ],
    [{ ...good, caFile: good.certFile }, /^TLS_CA_FILE: .*has no certificate of an authority/],
    [old, /^TLS_CERT_FILE: the certificate in .*old\.crt expired at 20.*Z; renew it/],
  ];
  for (const [files, message] of cases) {
    await assert.rejects(CertificateFiles.open(files, silent), (error: unknown) => {
      assert.ok(error instanceof TlsError);
      assert.match(error.message, message);
      return true;
    });
  }
});

test('a certificate that expires soon is warned of, once', async (t) => {
  const certificates = await testCertificates(t);
  const warnings: string[] = [];
  const open = async (name: string, days: number): Promise<void> => {
    const observer = { ...silent, warn: (text: string) => warnings.push(text) };
    const files = await CertificateFiles.open(await certificates.issue(name, { days }), observer);
    await files.refresh();
    files.close();
  };
  await open('coordinator', 60);
  assert.deepEqual(warnings, []);
  await open('rollout', 2);
  assert.equal(warnings.length, 1);
  assert.match(warnings[0] ?? '', /certificate of CN=rollout expires at .*: renew .*rollout\.crt/);
});

test('names are read from a certificate, and a value that imitates another is ignored', () => {
  const names = namesOf({
    subjectAltName:
      'DNS:Localhost, IP Address:127.0.0.1, URI:spiffe://gapo/reward/helpful, DNS:"x, URI:spiffe://gapo/coordinator"',
  });
  assert.deepEqual(names, { uris: ['spiffe://gapo/reward/helpful'], dnsNames: ['localhost'] });
  assert.equal(includesName(names, 'spiffe://gapo/reward'), true);
  assert.equal(includesName(names, 'spiffe://gapo/rew'), false);
  assert.equal(includesName(names, 'LOCALHOST'), true);
  assert.deepEqual(namesOf({ subjectAltName: 'nonsense' }), { uris: [], dnsNames: [] });
  assert.deepEqual(namesOf({ subjectAltName: undefined }), { uris: [], dnsNames: [] });
});

test('without TLS a process listens on this machine only, unless INSECURE allows more', async (t) => {
  t.after(() => secureProcess({}));
  for (const host of ['127.0.0.1', '127.8.9.1', 'localhost', 'a.localhost', '[::1]', '::ffff:127.0.0.1']) {
    assert.equal(isLoopback(host), true, host);
  }
  for (const host of ['0.0.0.0', '[::]', '10.0.0.1', 'example.org', 'localhost.example.org', '::ffff:10.0.0.1']) {
    assert.equal(isLoopback(host), false, host);
  }
  const message = /cannot listen on 0\.0\.0\.0:0 without TLS: .*TLS_CERT_FILE.*INSECURE=true/;
  await assert.rejects(serve({ address: '0.0.0.0:0', services: [] }), message);
  secureProcess({ insecure: true });
  await (await serve({ address: '0.0.0.0:0', services: [], shutdownGraceMs: 0 })).stop();
  const certificates = await testCertificates(t);
  const files = await CertificateFiles.open(await certificates.issue('coordinator'), silent);
  t.after(() => files.close());
  secureProcess({ files });
  await (await serve({ address: '0.0.0.0:0', services: [], shutdownGraceMs: 0 })).stop();
  // A client may have authorities only.
  const clientOnly = await CertificateFiles.open({ caFile: certificates.caFile }, silent);
  t.after(() => clientOnly.close());
  secureProcess({ files: clientOnly });
  await assert.rejects(
    serve({ address: '127.0.0.1:0', services: [] }),
    /TLS_CA_FILE is set without TLS_CERT_FILE and TLS_KEY_FILE/,
  );
});
