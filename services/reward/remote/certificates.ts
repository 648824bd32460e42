/** Certificates of the authorities that a remote scorer trusts. */
import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { UserError } from '@gapo/service';

/**
 * Reads a file of certificates.
 *
 * @param path the YAML file, which `ca` is relative to
 * @throws UserError if it contains none
 */
export async function certificatesOf(ca: string, path: string): Promise<string> {
  const where = resolve(dirname(path), ca);
  try {
    const pem = await readFile(where, 'utf8');
    new X509Certificate(pem); // a text without certificates would be accepted, and nothing trusted
    return pem;
  } catch (error) {
    throw new UserError(`${path}: ca: ${where} contains no certificate (PEM): ${(error as Error).message}`, {
      cause: error,
    });
  }
}
