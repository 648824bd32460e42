/** Certificate, key and authorities of a process: read from PEM files and checked, so that a mistake gives one clear message. */
import { createPrivateKey, X509Certificate, type KeyObject } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { messageOf } from '../messageOf.js';
import { TlsError } from './tlsError.js';

/** Paths of PEM files. */
export interface TlsFiles {
  /** TLS_CERT_FILE: the certificate, followed by intermediate certificates. Undefined for a client without one. */
  readonly certFile?: string | undefined;
  /** TLS_KEY_FILE: its private key. */
  readonly keyFile?: string | undefined;
  /** TLS_CA_FILE: the authorities that sign the certificates of peers. */
  readonly caFile?: string | undefined;
}

/** A certificate with its key. */
export interface OwnCertificate {
  /** PEM. */
  readonly cert: Buffer;
  /** PEM. */
  readonly key: Buffer;
  readonly parsed: X509Certificate;
}

/** The content of {@link TlsFiles}, checked. */
export interface Material {
  /** Undefined for a client without a certificate. */
  readonly own: OwnCertificate | undefined;
  /** PEM. */
  readonly ca: Buffer;
}

type Variable = 'TLS_CERT_FILE' | 'TLS_KEY_FILE' | 'TLS_CA_FILE';

const pemCertificate =
  /-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----[\s\S]+?-----END (?:TRUSTED |X509 )?CERTIFICATE-----/g;

/** The time at which a certificate expires, in milliseconds since 1970. */
export function expiryOf(certificate: X509Certificate): number {
  return Date.parse(certificate.validTo);
}

/** Returns a certificate's name for messages: its subject or, without one, its alternative names. */
export function describeCertificate({ subject, subjectAltName }: X509Certificate): string {
  return ((subject as string | undefined) ?? subjectAltName ?? 'without a name').replaceAll('\n', ', ');
}

/**
 * Reads and checks the files.
 *
 * @param now milliseconds since 1970
 * @throws TlsError naming the variable if a file is missing, unreadable, invalid, inconsistent with the others, or expired
 */
export async function readMaterial({ certFile, keyFile, caFile }: TlsFiles, now: number): Promise<Material> {
  if (certFile !== undefined && keyFile === undefined) throw unset('TLS_CERT_FILE is', 'TLS_KEY_FILE');
  if (keyFile !== undefined && certFile === undefined) throw unset('TLS_KEY_FILE is', 'TLS_CERT_FILE');
  if (caFile === undefined) throw unset('TLS_CERT_FILE and TLS_KEY_FILE are', 'TLS_CA_FILE');
  const ca = await read('TLS_CA_FILE', caFile);
  checkAuthorities(ca, caFile, now);
  if (certFile === undefined || keyFile === undefined) return { own: undefined, ca };
  const [cert, key] = await Promise.all([read('TLS_CERT_FILE', certFile), read('TLS_KEY_FILE', keyFile)]);
  const [parsed] = certificatesIn(cert, 'TLS_CERT_FILE', certFile);
  if (parsed === undefined)
    throw new TlsError(`TLS_CERT_FILE: ${certFile} has no certificate (-----BEGIN CERTIFICATE-----)`);
  if (!parsed.checkPrivateKey(privateKeyIn(key, keyFile))) {
    throw new TlsError(
      `TLS_KEY_FILE: ${keyFile} is not the key of the certificate in TLS_CERT_FILE, ${certFile}; set the two that belong together`,
    );
  }
  checkTime(parsed, 'TLS_CERT_FILE', certFile, now);
  return { own: { cert, key, parsed }, ca };
}

/** @param present which variables are set, with the verb */
function unset(present: string, missing: Variable): TlsError {
  const what = {
    TLS_CERT_FILE: "the certificate of TLS_KEY_FILE's key",
    TLS_KEY_FILE: "the key of TLS_CERT_FILE's certificate",
    TLS_CA_FILE: 'the authorities that sign the certificates of peers',
  };
  return new TlsError(`${present} set without ${missing}: set it to a PEM file with ${what[missing]}`);
}

async function read(variable: Variable, path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (error) {
    throw new TlsError(`${variable}: ${path} cannot be read: ${messageOf(error)}`, { cause: error });
  }
}

/** @throws TlsError if a block is not a certificate */
function certificatesIn(pem: Buffer, variable: Variable, path: string): X509Certificate[] {
  return (pem.toString('latin1').match(pemCertificate) ?? []).map((block) => {
    try {
      return new X509Certificate(block);
    } catch (error) {
      throw new TlsError(`${variable}: ${path} has a damaged certificate: ${messageOf(error)}`, { cause: error });
    }
  });
}

function checkAuthorities(pem: Buffer, path: string, now: number): void {
  const authorities = certificatesIn(pem, 'TLS_CA_FILE', path).filter(({ ca }) => ca);
  const [first] = authorities;
  if (first === undefined) {
    throw new TlsError(
      `TLS_CA_FILE: ${path} has no certificate of an authority (CA:TRUE); it must hold the one that signed the peers' certificates`,
    );
  }
  if (authorities.every((authority) => expiryOf(authority) <= now)) checkTime(first, 'TLS_CA_FILE', path, now);
}

function privateKeyIn(pem: Buffer, path: string): KeyObject {
  if (/ENCRYPTED/.test(pem.toString('latin1'))) {
    throw new TlsError(
      `TLS_KEY_FILE: ${path} is encrypted; decrypt it (openssl pkey -in ${path} -out FILE) and restrict who may read it`,
    );
  }
  try {
    return createPrivateKey(pem);
  } catch (error) {
    throw new TlsError(`TLS_KEY_FILE: ${path} has no private key (-----BEGIN PRIVATE KEY-----): ${messageOf(error)}`, {
      cause: error,
    });
  }
}

function checkTime(certificate: X509Certificate, variable: Variable, path: string, now: number): void {
  const [from, to] = [Date.parse(certificate.validFrom), expiryOf(certificate)];
  if (now >= to) {
    throw new TlsError(
      `${variable}: the certificate in ${path} expired at ${new Date(to).toISOString()}; renew it (gapo certs, or cert-manager)`,
    );
  }
  if (now < from) {
    throw new TlsError(
      `${variable}: the certificate in ${path} is valid only from ${new Date(from).toISOString()}; check this machine's clock`,
    );
  }
}
