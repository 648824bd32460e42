/** An authority that signs certificates. */
import 'reflect-metadata';
import { randomBytes } from 'node:crypto';
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectKeyIdentifierExtension,
  X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509';
import { keysFrom, newKeys, privateKeyPem, signature, type KeyPair } from './keys.js';

/** A certificate and its key, in PEM. */
export interface PemPair {
  readonly cert: string;
  readonly key: string;
}

/** An authority that can sign. */
export interface Authority extends PemPair {
  readonly certificate: X509Certificate;
  readonly keys: KeyPair;
}

/** Returns a serial number of 127 random bits, positive as X.509 requires. */
export function newSerial(): string {
  const bytes = randomBytes(16);
  bytes[0] = (bytes.at(0) ?? 0) & 0x7f;
  return bytes.toString('hex');
}

/**
 * Creates an authority that signs itself and the certificates of peers, but no further authority.
 *
 * @param name its common name
 */
export async function createAuthority(name: string, notBefore: Date, notAfter: Date): Promise<Authority> {
  const keys = await newKeys();
  const certificate = await X509CertificateGenerator.createSelfSigned({
    serialNumber: newSerial(),
    name: [{ CN: [name] }],
    notBefore,
    notAfter,
    keys,
    signingAlgorithm: signature,
    extensions: [
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
      await AuthorityKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { certificate, keys, cert: `${certificate.toString('pem')}\n`, key: await privateKeyPem(keys) };
}

/**
 * Reads an authority.
 *
 * @throws Error where a text is not PEM, or the key is not the certificate's
 */
export async function openAuthority({ cert, key }: PemPair): Promise<Authority> {
  const certificate = new X509Certificate(cert);
  const keys = await keysFrom(key);
  const own = await SubjectKeyIdentifierExtension.create(keys.publicKey);
  const stated = certificate.getExtension(SubjectKeyIdentifierExtension);
  if (stated?.keyId !== own.keyId) throw new Error('the key does not match the certificate');
  return { certificate, keys, cert, key };
}
