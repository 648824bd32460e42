/**
 * Writes files atomically: under a temporary name next to the target, flushed to disk, then renamed. A reader sees the old
 * content or the new one, and the new content survives a crash after the call returns.
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
import { mkdir, open, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { faultPoint, faultPointAsync, faultsActive } from '@gapo/faults';
import { renameTo, syncFolder, syncFolderSync } from './flush.js';
import { cannotWrite, named } from './writeError.js';

/** A file's content: text (written as UTF-8), bytes, or a sequence of chunks that need not all be in memory at once. */
export type FileContent = string | Uint8Array | Iterable<Uint8Array> | AsyncIterable<Uint8Array>;

/** How files are written. */
export interface WriteOptions {
  /** The permissions of the files, from creation on. @default the process's default for new files */
  readonly mode?: number;
}

/**
 * Writes a file atomically, and creates its folder if it is missing.
 *
 * @throws UserError that names the file if it cannot be written; errors of `content` while it is iterated. The target is
 *   then unchanged, and no temporary file is left.
 * @example
 * import { writeAtomically } from '@gapo/service';
 * await writeAtomically('report.json', JSON.stringify({ accuracy: 0.9 }));
 */
export async function writeAtomically(path: string, content: FileContent, options: WriteOptions = {}): Promise<void> {
  await writeAllAtomically(new Map([[path, content]]), options);
}

/**
 * Writes several files one after another. None gets its final name before all of them are on disk.
 *
 * @param files contents by path
 * @throws as {@link writeAtomically}
 */
export async function writeAllAtomically(
  files: ReadonlyMap<string, FileContent>,
  { mode }: WriteOptions = {},
): Promise<void> {
  const pending = [...files].map(([path, content]) => ({ path, content, partial: temporaryPath(path) }));
  try {
    for (const { path, content, partial } of pending) {
      await named(path, async () => {
        await mkdir(dirname(path), { recursive: true });
        await writeSynced(partial, content, mode);
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
 * Appends text to a file, creating the file if it is missing; the text is on disk when this returns. After an error the file
 * has its previous length, so that no partial line remains.
 *
 * @param options.flush false: do not flush; the caller flushes the file later
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
 * Next to the target, because a rename is atomic only within one file system; random, because several processes may write.
 */
function temporaryPath(path: string): string {
  return join(dirname(path), `.${basename(path)}.${randomBytes(6).toString('hex')}.partial`);
}

async function writeSynced(path: string, content: FileContent, mode: number | undefined): Promise<void> {
  const file = await open(path, 'wx', mode);
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
