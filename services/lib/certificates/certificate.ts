/** Certificates of peers: for server and client at once, as in mutual TLS. */
import 'reflect-metadata';
import { isIP } from 'node:net';
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509CertificateGenerator,
} from '@peculiar/x509';
import { newSerial, type Authority, type PemPair } from './authority.js';
import { newKeys, privateKeyPem, signature } from './keys.js';

/** What a certificate says. */
export interface Wanted {
  /** Its common name. */
  readonly name: string;
  /** Such as `spiffe://gapo/coordinator`. */
  readonly uris: readonly string[];
  /** DNS names and IP addresses. */
  readonly hosts: readonly string[];
  readonly notBefore: Date;
  readonly notAfter: Date;
}

/** Creates a key and a certificate that an authority signs. */
export async function issueCertificate(authority: Authority, wanted: Wanted): Promise<PemPair> {
  const keys = await newKeys();
  const certificate = await X509CertificateGenerator.create({
    serialNumber: newSerial(),
    subject: [{ CN: [wanted.name] }],
    issuer: authority.certificate.subjectName,
    notBefore: wanted.notBefore,
    notAfter: wanted.notAfter,
    publicKey: keys.publicKey,
    signingKey: authority.keys.privateKey,
    signingAlgorithm: signature,
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth, ExtendedKeyUsage.clientAuth]),
      new SubjectAlternativeNameExtension([
        ...wanted.uris.map((value) => ({ type: 'url' as const, value })),
        ...wanted.hosts.map((value) => ({ type: isIP(value) === 0 ? ('dns' as const) : ('ip' as const), value })),
      ]),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
      await AuthorityKeyIdentifierExtension.create(authority.keys.publicKey),
    ],
  });
  return { cert: `${certificate.toString('pem')}\n`, key: await privateKeyPem(keys) };
}
