/**
 * Files and directories that appear whole or not at all: written under a temporary name beside the target, flushed to disk,
 * then renamed. A reader sees the old content or the new one, and what is written survives a crash after the call returns.
 */
import { randomBytes } from 'node:crypto';
import { closeSync, fsyncSync, mkdirSync, openSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { mkdir, open, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { UserError, isExpected } from '../userError.js';

/** A file's content: a text (written as UTF-8), bytes, or a sequence of pieces that need not be in memory at once. */
export type FileContent = string | Uint8Array | Iterable<Uint8Array> | AsyncIterable<Uint8Array>;

/**
 * Writes a file atomically, and makes its folder where it is missing.
 *
 * @throws UserError that names the file where it cannot be written; what `content` throws while it is iterated. The target
 *   is then as it was, and no temporary file is left.
 * @example
 * import { writeAtomically } from '@gapo/service';
 * await writeAtomically('report.json', JSON.stringify({ accuracy: 0.9 }));
 */
export async function writeAtomically(path: string, content: FileContent): Promise<void> {
  await writeAllAtomically(new Map([[path, content]]));
}

/**
 * Writes several files, one after the other. None gets its name before all of them are on disk.
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
    for (const { path, partial } of pending) await named(path, () => rename(partial, path));
    for (const folder of new Set(pending.map(({ path }) => dirname(path)))) await sync(folder);
  } catch (error) {
    for (const { partial } of pending) await rm(partial, { force: true }).catch(() => undefined); // the first error counts
    throw error;
  }
}

/**
 * Writes a small file atomically, before anything else runs in this thread, and makes its folder where it is missing.
 *
 * @throws UserError that names the file where it cannot be written
 */
export function writeAtomicallySync(path: string, content: string | Uint8Array): void {
  const partial = temporaryPath(path);
  try {
    mkdirSync(dirname(path), { recursive: true });
    writeSyncedSync(partial, content);
    renameSync(partial, path);
    syncSync(dirname(path));
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
 * Makes a directory and gives it its name once it is complete. A directory that has the name is replaced. One writer at a
 * time: what an interrupted one left under the temporary name is removed first.
 *
 * @param fill writes the files into the directory that it is given; false gives up: the target stays as it was
 * @throws UserError that names the directory where it cannot be made; what `fill` throws. The target is then as it was.
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
    if ((await fill(partial)) === false) return;
    await named(path, () => putInPlace(partial, path, replaced));
  } finally {
    await rm(partial, { recursive: true, force: true }).catch(() => undefined); // the first error counts
  }
}

/** Renames a complete directory to its target. What was there leaves first: no rename replaces a directory that holds files. */
async function putInPlace(partial: string, path: string, replaced: string): Promise<void> {
  await syncTree(partial);
  await rm(replaced, { recursive: true, force: true });
  const replaces = await rename(path, replaced).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error;
      return false;
    },
  );
  try {
    await rename(partial, path);
  } catch (error) {
    if (replaces) await rename(replaced, path);
    throw error;
  }
  await sync(dirname(path));
  await rm(replaced, { recursive: true, force: true });
}

/** Beside the target, since only a rename within one file system is atomic; random, since several processes may write. */
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

/** A system error with the path that the caller asked for; every other error as it is. */
function cannotWrite(path: string, error: unknown): unknown {
  if (isExpected(error) || !(error instanceof Error) || !('syscall' in error)) return error;
  return new UserError(`${path}: cannot be written: ${error.message}`, { cause: error });
}

async function writeSynced(path: string, content: FileContent): Promise<void> {
  const file = await open(path, 'wx');
  try {
    await writeFile(file, content);
    await file.sync();
  } finally {
    await file.close();
  }
}

function writeSyncedSync(path: string, content: string | Uint8Array): void {
  const file = openSync(path, 'wx');
  try {
    writeFileSync(file, content);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
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

/** Flushes everything below a directory, side by side since each file waits for the disk, then the directory itself. */
async function syncTree(directory: string): Promise<void> {
  const entries = await readdir(directory, { withFileTypes: true });
  await Promise.all(
    entries.map(async (entry) => {
      const path = join(directory, entry.name);
      if (entry.isDirectory()) await syncTree(path);
      else if (entry.isFile()) await sync(path);
    }),
  );
  await sync(directory);
}
