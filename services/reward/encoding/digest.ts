/** Digests of files that scores depend on. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { ModelError } from '@gapo/model';

/**
 * Returns the SHA-256 (hex) of files in a directory, in the given order, and of a text.
 *
 * @throws ModelError if one cannot be read
 */
export async function sha256OfFiles(directory: string, names: readonly string[], text = ''): Promise<string> {
  const hash = createHash('sha256');
  for (const name of names) {
    const path = join(directory, name);
    try {
      for await (const bytes of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(bytes as Buffer);
    } catch (error) {
      throw new ModelError(path, `cannot be read: ${(error as Error).message}`);
    }
  }
  return hash.update(text).digest('hex');
}
