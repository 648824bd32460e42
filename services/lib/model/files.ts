/** Reads files of a model directory. */
import { readFile, stat } from 'node:fs/promises';
import { isMapping } from '@gapo/service';
import { ModelError } from './errors.js';

/**
 * Reads a file.
 *
 * @throws ModelError if it cannot be read
 */
export async function readBytes(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    throw new ModelError(path, missing ? 'does not exist' : `cannot be read: ${(error as Error).message}`);
  }
}

/**
 * Reads a JSON object.
 *
 * @throws ModelError if the file cannot be read, or is not a JSON object
 */
export async function readJson(path: string): Promise<Record<string, unknown>> {
  return parseJson(path, (await readBytes(path)).toString('utf8'));
}

/**
 * Parses the text of a file as a JSON object.
 *
 * @throws ModelError if it is not one
 */
export function parseJson(path: string, text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    if (isMapping(value)) return value;
  } catch (error) {
    throw new ModelError(path, `is not JSON: ${(error as Error).message}`);
  }
  throw new ModelError(path, 'is not a JSON object');
}

/** Whether there is a file or directory of that name. */
export async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined;
}
