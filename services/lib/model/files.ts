/** Reads files of a model directory. */
import { readFile, stat, type FileHandle } from 'node:fs/promises';
import { isMapping, NotRegularError, openRegular } from '@gapo/service';
import { parse } from 'lossless-json';
import { ModelError } from './errors.js';

/** Maximum size of a text file in MiB: twice the largest tokenizers. */
const longestText = 64;

/**
 * Opens a file for reading.
 *
 * @throws ModelError if it cannot be opened, or is not a regular file: opening or reading a pipe could block forever, and with it
 * all other file operations of the process
 */
export async function openFile(path: string): Promise<FileHandle> {
  try {
    return await openRegular(path);
  } catch (error) {
    if (error instanceof NotRegularError)
      throw new ModelError(path, `is ${error.isDirectory ? 'a directory' : 'not a regular file'}`);
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    throw new ModelError(path, missing ? 'does not exist' : `cannot be read: ${(error as Error).message}`);
  }
}

/**
 * Reads a file.
 *
 * @param most maximum size in MiB
 * @throws ModelError if it cannot be read, or has more
 */
export async function readBytes(path: string, most = Infinity): Promise<Buffer> {
  const file = await openFile(path);
  try {
    const { size } = await file.stat();
    if (size > most * 2 ** 20) throw new ModelError(path, `has ${size} bytes, which is more than ${most} MiB`);
    return await readFile(file);
  } catch (error) {
    throw error instanceof ModelError ? error : new ModelError(path, `cannot be read: ${(error as Error).message}`);
  } finally {
    await file.close();
  }
}

/**
 * Reads a text.
 *
 * @throws ModelError if it cannot be read, or has more than 64 MiB
 */
export async function readText(path: string): Promise<string> {
  return (await readBytes(path, longestText)).toString('utf8');
}

/**
 * Reads a JSON object.
 *
 * @throws ModelError if the file cannot be read, or is not a JSON object
 */
export async function readJson(path: string): Promise<Record<string, unknown>> {
  return parseJson(path, await readText(path));
}

/**
 * Parses the text of a file as a JSON object.
 *
 * @throws ModelError if it is not one
 */
export function parseJson(path: string, text: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new ModelError(path, `is not JSON${placeOfProblem(text)}`);
  }
  if (!isMapping(value)) throw new ModelError(path, 'is not a JSON object');
  if (!isShallow(value)) throw new ModelError(path, `nests more than ${deepest} levels`);
  return value;
}

/** Maximum nesting depth of a file, for which no recursive function exhausts the stack. */
const deepest = 500;

/** Whether a JSON value nests no deeper than {@link deepest}. */
function isShallow(value: object): boolean {
  let level: object[] = [value];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth >= deepest) return false;
    const next: object[] = [];
    for (const holder of level) {
      for (const item of Object.values(holder) as unknown[])
        if (typeof item === 'object' && item !== null) next.push(item);
    }
    level = next;
  }
  return true;
}

/** Returns where a text stops being JSON. The runtime's own message quotes the text, which a client may not be allowed to read. */
export function placeOfProblem(text: string): string {
  try {
    parse(text);
  } catch (error) {
    const position = /at position (\d+)$/.exec((error as Error).message)?.[1];
    const before = text.slice(0, Number(position)).split('\n');
    if (position !== undefined) return `: see line ${before.length}, column ${(before.at(-1)?.length ?? 0) + 1}`;
  }
  return '';
}

/** Whether a file or directory with that name exists. */
export async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined;
}
