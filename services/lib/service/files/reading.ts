/** Reads of small files whose errors name the path. */
import { readFileSync } from 'node:fs';
import { UserError } from '../userError.js';

/**
 * Returns the content of a file; nothing if it does not exist.
 *
 * @throws UserError if it exists and cannot be read
 */
export function contentIfPresent(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return Buffer.alloc(0);
    throw new UserError(`${path} cannot be read: ${(error as Error).message}`, { cause: error });
  }
}

/**
 * Returns the text of a file that a person named.
 *
 * @param where what names it, such as a variable
 * @throws UserError if it cannot be read
 */
export function namedText(where: string, path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new UserError(`${where}: ${path} cannot be read: ${(error as Error).message}`, { cause: error });
  }
}
