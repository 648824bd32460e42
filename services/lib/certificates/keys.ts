/** The keys of certificates: ECDSA on P-256, which every TLS library accepts and which signs fast. */
import { createPrivateKey, createPublicKey, webcrypto } from 'node:crypto';

/** The curve of every key. */
const curve = { name: 'ECDSA', namedCurve: 'P-256' } as const;

/** The signature of every certificate. */
export const signature = { name: 'ECDSA', hash: 'SHA-256' } as const;

/** Keys as the web's cryptography has them. */
export interface KeyPair {
  readonly privateKey: webcrypto.CryptoKey;
  readonly publicKey: webcrypto.CryptoKey;
}

/** Creates a key pair. */
export async function newKeys(): Promise<KeyPair> {
  return webcrypto.subtle.generateKey(curve, true, ['sign', 'verify']);
}

/** Returns a private key in PEM (PKCS #8). */
export async function privateKeyPem({ privateKey }: KeyPair): Promise<string> {
  const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', privateKey));
  return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
    .export({ format: 'pem', type: 'pkcs8' })
    .toString();
}

/**
 * Reads a private key on P-256.
 *
 * @throws Error where the text has none
 */
export async function keysFrom(pem: string): Promise<KeyPair> {
  const privateKey = createPrivateKey(pem);
  const pkcs8 = privateKey.export({ format: 'der', type: 'pkcs8' });
  const spki = createPublicKey(privateKey).export({ format: 'der', type: 'spki' });
  return {
    privateKey: await webcrypto.subtle.importKey('pkcs8', pkcs8, curve, true, ['sign']),
    publicKey: await webcrypto.subtle.importKey('spki', spki, curve, true, ['verify']),
  };
}
