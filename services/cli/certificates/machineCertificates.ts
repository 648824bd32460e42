/** The certificates of a machine: a private authority, and one certificate for each role, renewed before they expire. */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { isIP } from 'node:net';
import { join } from 'node:path';
import { createAuthority, issueCertificate, openAuthority, type Authority } from '@gapo/certificates';
import { defaultTrustDomain, identityOf, roles, type Role } from '@gapo/rpc';
import { UserError, writeAtomically } from '@gapo/service';

const dayMs = 86_400_000;

/** An authority outlives its certificates: with a new one, every peer needs a new certificate. */
const authorityDays = 3650;

/** How far the clocks of peers may be behind. */
const skewMs = 300_000;

/** A certificate is renewed when a third of its lifetime is left. */
const renewFraction = 1 / 3;

/** Options for the certificates. */
export interface CertificateOptions {
  /** The directory, absolute. */
  readonly directory: string;
  /** DNS names and IP addresses of the machine. */
  readonly hosts: readonly string[];
  /** Days for which a certificate is valid. */
  readonly days: number;
  /** Whether to renew certificates that are still valid. */
  readonly renew: boolean;
  /** The current time, in milliseconds since 1970. */
  readonly now: number;
}

/** The state of one certificate after the call. */
export interface CertificateRow {
  readonly name: Role | 'ca';
  /** Such as spiffe://gapo/coordinator; null for the authority. */
  readonly identity: string | null;
  readonly certFile: string;
  readonly keyFile: string;
  /** When it expires, RFC 3339. */
  readonly expires: string;
  /** Whether it is new, and why; `kept` if it is not. */
  readonly state: string;
}

/** The paths of a certificate and its key. */
export function pairFiles(directory: string, name: string): { certFile: string; keyFile: string } {
  return { certFile: join(directory, `${name}.crt`), keyFile: join(directory, `${name}.key`) };
}

/**
 * Creates missing certificates and renews those that expire soon or lack a host. Running services pick up renewed files
 * without a restart.
 *
 * @throws UserError if the authority in the directory is incomplete or cannot be read, or a file cannot be written
 */
export async function makeCertificates(options: CertificateOptions): Promise<CertificateRow[]> {
  const { directory, now } = options;
  await makeDirectory(directory);
  const { authority, row } = await authorityIn(options);
  const rows = [row];
  for (const role of roles) {
    const files = pairFiles(directory, role);
    const identity = identityOf(role, defaultTrustDomain);
    const reason = reasonToIssue(files, identity, authority, options);
    if (reason !== undefined) {
      const notAfter = new Date(now + options.days * dayMs);
      const wanted = {
        name: `gapo ${role}`,
        uris: [identity],
        hosts: options.hosts,
        notBefore: new Date(now - skewMs),
        notAfter,
      };
      const { cert, key } = await issueCertificate(authority, wanted);
      await writeAtomically(files.keyFile, key, { mode: 0o600 });
      await writeAtomically(files.certFile, cert, { mode: 0o644 });
    }
    const expires = expiryText(new X509Certificate(readFileSync(files.certFile)));
    rows.push({ name: role, identity, ...files, expires, state: reason ?? 'kept' });
  }
  return rows;
}

function expiryText({ validTo }: X509Certificate): string {
  return new Date(validTo).toISOString();
}

async function authorityIn({
  directory,
  days,
  now,
}: CertificateOptions): Promise<{ authority: Authority; row: CertificateRow }> {
  const files = pairFiles(directory, 'ca');
  const [hasCert, hasKey] = [existsSync(files.certFile), existsSync(files.keyFile)];
  if (hasCert !== hasKey) {
    const [present, absent] = hasCert ? [files.certFile, files.keyFile] : [files.keyFile, files.certFile];
    throw new UserError(
      `${absent} is missing, but ${present} exists: put it back, or name another directory to start with a new authority`,
    );
  }
  const present = hasCert ? await readAuthority(files) : undefined;
  const until = present === undefined ? 0 : Date.parse(present.parsed.validTo);
  // An authority that expires before its certificates would invalidate them.
  const lasting = until > now + days * dayMs;
  if (present !== undefined && lasting) {
    return { authority: present.authority, row: authorityRow(files, present.authority.cert, 'kept') };
  }
  const notAfter = new Date(now + Math.max(authorityDays, 2 * days) * dayMs);
  const authority = await createAuthority('gapo', new Date(now - skewMs), notAfter);
  // Peers also trust the previous authority until all have certificates from the new one.
  const before = present !== undefined && until > now ? present.authority.cert : '';
  await writeAtomically(files.keyFile, authority.key, { mode: 0o600 });
  await writeAtomically(files.certFile, authority.cert + before, { mode: 0o644 });
  const state = present === undefined ? 'made' : 'renewed: it would have expired before its certificates';
  return { authority, row: authorityRow(files, authority.cert, state) };
}

function authorityRow(files: { certFile: string; keyFile: string }, cert: string, state: string): CertificateRow {
  return { name: 'ca', identity: null, ...files, expires: expiryText(new X509Certificate(cert)), state };
}

async function readAuthority(files: {
  certFile: string;
  keyFile: string;
}): Promise<{ authority: Authority; parsed: X509Certificate }> {
  try {
    const text = readFileSync(files.certFile, 'utf8');
    // The first one signs; any that follows is an authority being replaced.
    const [cert = ''] = text.match(/-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----\n?/) ?? [];
    const authority = await openAuthority({ cert, key: readFileSync(files.keyFile, 'utf8') });
    return { authority, parsed: new X509Certificate(cert) };
  } catch (error) {
    throw new UserError(
      `${files.certFile} and ${files.keyFile} are not an authority that gapo certs made (${(error as Error).message}): put back what was there, or name another directory`,
      { cause: error },
    );
  }
}

/** Returns why a certificate has to be issued; undefined if the current one is still good. */
function reasonToIssue(
  { certFile, keyFile }: { certFile: string; keyFile: string },
  identity: string,
  authority: Authority,
  { hosts, renew, now }: CertificateOptions,
): string | undefined {
  if (!existsSync(certFile) || !existsSync(keyFile)) return 'made';
  let certificate: X509Certificate;
  try {
    certificate = new X509Certificate(readFileSync(certFile));
    if (!certificate.checkPrivateKey(createPrivateKey(readFileSync(keyFile)))) return 'renewed: its key did not match';
  } catch {
    return 'renewed: it was damaged';
  }
  if (renew) return 'renewed';
  if (!certificate.verify(new X509Certificate(authority.cert).publicKey)) return 'renewed: the authority changed';
  const names = (certificate.subjectAltName ?? '').split(', ');
  const lacking = hosts.find((host) =>
    isIP(host) === 0 ? !names.includes(`DNS:${host}`) : certificate.checkIP(host) === undefined,
  );
  if (!names.includes(`URI:${identity}`)) return 'renewed: it named another identity';
  if (lacking !== undefined) return `renewed: it lacked ${lacking}`;
  const [from, to] = [Date.parse(certificate.validFrom), Date.parse(certificate.validTo)];
  if (now > to) return 'renewed: it had expired';
  return to - now < (to - from) * renewFraction ? 'renewed: it would have expired soon' : undefined;
}

async function makeDirectory(path: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw new UserError(`${path}: cannot be written: ${(error as Error).message}`, { cause: error });
  }
}
