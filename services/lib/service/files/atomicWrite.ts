/**
 * Writes files and directories atomically: under a temporary name beside the target, flushed to disk, then renamed. A reader
 * sees the old content or the new one, and the new content survives a crash after the call returns.
 */
import { randomBytes } from 'node:crypto';
import {
  closeSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { mkdir, open, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { faultPoint, faultPointAsync, faultsActive } from '@gapo/faults';
import { UserError, isExpected } from '../userError.js';

/** A file's content: a text (written as UTF-8), bytes, or a sequence of chunks that need not be in memory at once. */
export type FileContent = string | Uint8Array | Iterable<Uint8Array> | AsyncIterable<Uint8Array>;

/**
 * Writes a file atomically, and creates its folder if it is missing.
 *
 * @throws UserError that names the file if it cannot be written; errors of `content` while it is iterated. The target is
 *   then unchanged, and no temporary file is left.
 * @example
 * import { writeAtomically } from '@gapo/service';
 * await writeAtomically('report.json', JSON.stringify({ accuracy: 0.9 }));
 */
export async function writeAtomically(path: string, content: FileContent): Promise<void> {
  await writeAllAtomically(new Map([[path, content]]));
}

/**
 * Writes several files in sequence. None gets its name before all of them are on disk.
 *
 * @param files contents by path
 * @throws as {@link writeAtomically}
 */
export async function writeAllAtomically(files: ReadonlyMap<string, FileContent>): Promise<void> {
  const pending = [...files].map(([path, content]) => ({ path, content, partial: temporaryPath(path) }));
  try {
    for (const { path, content, partial } of pending) {
      await named(path, async () => {
        await mkdir(dirname(path), { recursive: true });
        await writeSynced(partial, content);
      });
    }
    for (const { path, partial } of pending) await named(path, () => renameTo(partial, path));
    for (const folder of new Set(pending.map(({ path }) => dirname(path)))) await syncFolder(folder);
  } catch (error) {
    for (const { partial } of pending) await rm(partial, { force: true }).catch(() => undefined); // the first error counts
    throw error;
  }
}

/**
 * Writes a small file atomically and synchronously, and creates its folder if it is missing.
 *
 * @throws UserError that names the file if it cannot be written
 */
export function writeAtomicallySync(path: string, content: string | Uint8Array): void {
  const partial = temporaryPath(path);
  try {
    mkdirSync(dirname(path), { recursive: true });
    writeSyncedSync(partial, content);
    faultPoint('file.rename', path);
    renameSync(partial, path);
    syncFolderSync(dirname(path));
  } catch (error) {
    try {
      rmSync(partial, { force: true });
    } catch {
      // The first error counts.
    }
    throw cannotWrite(path, error);
  }
}

/**
 * Appends a text to a file, which is created if it is missing; the text is on disk when this returns. After an error the file
 * ends where it ended before, so that no part of a line stays.
 *
 * @param options.flush false: the text is not on disk yet, and the caller flushes the file later
 * @throws UserError that names the file if it cannot be written
 */
export function appendSync(path: string, text: string, { flush = true }: { readonly flush?: boolean } = {}): void {
  try {
    const file = openSync(path, 'a');
    try {
      const { size } = fstatSync(file);
      try {
        faultPoint('file.append', path);
        appendText(file, path, text);
        if (flush) {
          faultPoint('file.syncAppend', path);
          fsyncSync(file);
        }
      } catch (error) {
        try {
          ftruncateSync(file, size);
        } catch {
          // The first error counts.
        }
        throw error;
      }
      if (size === 0) syncFolderSync(dirname(path)); // the file may be new
    } finally {
      closeSync(file);
    }
  } catch (error) {
    throw cannotWrite(path, error);
  }
}

function appendText(file: number, path: string, text: string): void {
  if (!faultsActive()) {
    writeFileSync(file, text);
    return;
  }
  const half = Math.floor(text.length / 2);
  writeFileSync(file, text.slice(0, half));
  faultPoint('file.tear', path);
  writeFileSync(file, text.slice(half));
}

/**
 * Creates a directory, or replaces one, once its content is complete. One writer at a time: remains of an interrupted one
 * are removed first.
 *
 * @param fill writes the files into the directory that it is given; returns false to leave the target unchanged
 * @throws UserError that names the directory if it or a file in it cannot be written; other errors of `fill`. The target is
 *   then unchanged.
 */
export async function replaceDirectory(
  path: string,
  fill: (directory: string) => Promise<boolean | void>,
): Promise<void> {
  const [parent, name] = [dirname(path), basename(path)];
  const [partial, replaced] = [join(parent, `.${name}.partial`), join(parent, `.${name}.replaced`)];
  try {
    await named(path, async () => {
      await rm(partial, { recursive: true, force: true });
      await mkdir(partial, { recursive: true });
    });
    await named(path, async () => {
      if ((await fill(partial)) !== false) await putInPlace(partial, path, replaced);
    });
  } finally {
    await rm(partial, { recursive: true, force: true }).catch(() => undefined); // the first error counts
  }
}

/** Renames a complete directory to its target. The old target is renamed first: no rename replaces a directory with files. */
async function putInPlace(partial: string, path: string, replaced: string): Promise<void> {
  await syncTree(partial);
  await rm(replaced, { recursive: true, force: true });
  const replaces = await renameTo(path, replaced).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error;
      return false;
    },
  );
  try {
    await renameTo(partial, path);
  } catch (error) {
    if (replaces) await rename(replaced, path);
    throw error;
  }
  await syncFolder(dirname(path));
  await faultPointAsync('file.remove', replaced);
  await rm(replaced, { recursive: true, force: true });
}

/** Beside the target, since a rename is atomic only within one file system; random, since several processes may write. */
function temporaryPath(path: string): string {
  return join(dirname(path), `.${basename(path)}.${randomBytes(6).toString('hex')}.partial`);
}

async function named(path: string, write: () => Promise<void>): Promise<void> {
  try {
    await write();
  } catch (error) {
    throw cannotWrite(path, error);
  }
}

/** Turns a system error into one that names the caller's path; returns any other error unchanged. */
function cannotWrite(path: string, error: unknown): unknown {
  if (isExpected(error) || !(error instanceof Error) || !('syscall' in error)) return error;
  const advice = adviceFor(error as NodeJS.ErrnoException);
  return new UserError(`${path}: cannot be written: ${error.message}${advice && `; ${advice}`}`, { cause: error });
}

/** What to do about an error of the file system; empty if its message says it. */
function adviceFor({ code }: NodeJS.ErrnoException): string {
  switch (code) {
    case 'ENOSPC':
      return 'its disk is full: make room, then try again';
    case 'EDQUOT':
      return 'the quota of its disk is used up: make room, then try again';
    case 'EROFS':
      return 'its disk is mounted read-only: mount it read-write, or choose another directory';
    case 'EACCES':
    case 'EPERM':
      return `this process (user ${process.getuid?.() ?? 'unknown'}) may not write there: change the owner or the mode`;
    case 'EIO':
      return 'its disk failed: check the disk before you trust its files';
    default:
      return '';
  }
}

async function writeSynced(path: string, content: FileContent): Promise<void> {
  const file = await open(path, 'wx');
  try {
    await faultPointAsync('file.write', path);
    await writeFile(file, content);
    await faultPointAsync('file.sync', path);
    await file.sync();
  } finally {
    await file.close();
  }
}

function writeSyncedSync(path: string, content: string | Uint8Array): void {
  const file = openSync(path, 'wx');
  try {
    faultPoint('file.write', path);
    writeFileSync(file, content);
    faultPoint('file.sync', path);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

async function renameTo(from: string, to: string): Promise<void> {
  await faultPointAsync('file.rename', to);
  await rename(from, to);
}

async function syncFolder(path: string): Promise<void> {
  await faultPointAsync('file.syncFolder', path);
  await sync(path);
}

function syncFolderSync(path: string): void {
  faultPoint('file.syncFolder', path);
  syncSync(path);
}

/** Flushes a file, or the names in a directory, to disk. */
async function sync(path: string): Promise<void> {
  const file = await open(path, 'r');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}

function syncSync(path: string): void {
  const file = openSync(path, 'r');
  try {
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

/** Flushes everything below a directory, in parallel since each flush waits for the disk, then the directory itself. */
async function syncTree(directory: string): Promise<void> {
  const entries = await readdir(directory, { withFileTypes: true });
  await Promise.all(
    entries.map(async (entry) => {
      const path = join(directory, entry.name);
      if (entry.isDirectory()) await syncTree(path);
      else if (entry.isFile()) {
        await faultPointAsync('file.sync', path);
        await sync(path);
      }
    }),
  );
  await sync(directory);
}
