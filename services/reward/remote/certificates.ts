/** Certificates of the authorities trusted by a remote scorer. */
import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { UserError } from '@gapo/service';

/**
 * Reads a file of certificates.
 *
 * @param path the YAML file; `ca` is relative to it
 * @throws UserError if it contains none
 */
export async function certificatesOf(ca: string, path: string): Promise<string> {
  const where = resolve(dirname(path), ca);
  try {
    const pem = await readFile(where, 'utf8');
    new X509Certificate(pem); // otherwise a text without certificates would be accepted, and nothing trusted
    return pem;
  } catch (error) {
    throw new UserError(`${path}: ca: ${where} contains no certificate (PEM): ${(error as Error).message}`, {
      cause: error,
    });
  }
}
