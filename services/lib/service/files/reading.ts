/** Reads small files, with errors that name the path. */
import { closeSync, constants, fstatSync, openSync, readFileSync, type Stats } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { UserError } from '../userError.js';

/** Opening or reading a pipe could block forever. */
const withoutWaiting = constants.O_RDONLY | constants.O_NONBLOCK;

/** @throws the file system's error, or an Error if it is not a regular file */
export function contentOfSync(path: string): Buffer {
  const file = openSync(path, withoutWaiting);
  try {
    assertRegular(fstatSync(file));
    return readFileSync(file);
  } finally {
    closeSync(file);
  }
}

/** @throws Error as {@link contentOfSync} */
export async function contentOf(path: string): Promise<Buffer> {
  const file = await openRegular(path);
  try {
    return await file.readFile();
  } finally {
    await file.close();
  }
}

/** A path does not refer to a regular file. */
export class NotRegularError extends Error {
  readonly isDirectory: boolean;

  constructor(isDirectory: boolean) {
    super('it is not a regular file');
    this.isDirectory = isDirectory;
  }
}

/**
 * Opens a file for reading.
 *
 * @throws NotRegularError if it is not a regular file
 * @throws the file system's error if it cannot be opened
 */
export async function openRegular(path: string): Promise<FileHandle> {
  const file = await open(path, withoutWaiting);
  try {
    assertRegular(await file.stat());
    return file;
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** @throws NotRegularError */
function assertRegular(status: Stats): void {
  if (!status.isFile()) throw new NotRegularError(status.isDirectory());
}

/**
 * Returns the content of a file; empty if it does not exist.
 *
 * @throws UserError if it exists and cannot be read
 */
export function contentIfPresent(path: string): Buffer {
  try {
    return contentOfSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return Buffer.alloc(0);
    throw new UserError(`${path} cannot be read: ${(error as Error).message}`, { cause: error });
  }
}

/**
 * Returns the text of a file named by a user.
 *
 * @param where where it is named, such as a variable
 * @throws UserError if it cannot be read
 */
export function namedText(where: string, path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new UserError(`${where}: ${path} cannot be read: ${(error as Error).message}`, { cause: error });
  }
}
