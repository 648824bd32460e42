/** Certificates in a temporary directory, for tests of other packages. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { createAuthority, issueCertificate, type Authority } from './mod.js';

const dayMs = 86_400_000;

/** What a test's certificate differs in. */
export interface Variant {
  readonly authority?: Authority;
  readonly uris?: readonly string[];
  readonly hosts?: readonly string[];
  /** Days from now until it expires. @default 30 */
  readonly days?: number;
}

/** An authority, and files of the certificates that it signs. */
export interface TestCertificates {
  readonly directory: string;
  readonly authority: Authority;
  readonly caFile: string;
  /** Writes FILE.crt and FILE.key: by default a certificate of the role with that name, for localhost and 127.0.0.1. */
  issue(file: string, variant?: Variant): Promise<{ certFile: string; keyFile: string; caFile: string }>;
}

/** Creates an authority that nobody knows. */
export async function testAuthority(): Promise<Authority> {
  return createAuthority('test authority', new Date(Date.now() - dayMs), new Date(Date.now() + 90 * dayMs));
}

/** Creates an authority with a directory that is removed after the test. */
export async function testCertificates(t: Pick<TestContext, 'after'>): Promise<TestCertificates> {
  const directory = await mkdtemp(join(tmpdir(), 'gapo-certificates-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  const authority = await testAuthority();
  const caFile = join(directory, 'ca.crt');
  await writeFile(caFile, authority.cert);
  return {
    directory,
    authority,
    caFile,
    async issue(file, variant = {}) {
      const days = variant.days ?? 30;
      const { cert, key } = await issueCertificate(variant.authority ?? authority, {
        name: file,
        uris: variant.uris ?? [`spiffe://gapo/${file}`],
        hosts: variant.hosts ?? ['localhost', '127.0.0.1'],
        notBefore: new Date(Date.now() - 30 * dayMs),
        notAfter: new Date(Date.now() + days * dayMs),
      });
      const [certFile, keyFile] = [join(directory, `${file}.crt`), join(directory, `${file}.key`)];
      await writeFile(certFile, cert);
      await writeFile(keyFile, key);
      return { certFile, keyFile, caFile };
    },
  };
}
