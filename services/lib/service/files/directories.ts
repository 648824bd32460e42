/** Creates, replaces and removes whole directories atomically, and removes what interrupted writers left. */
import { mkdirSync, renameSync, rmSync } from 'node:fs';
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { faultPoint, faultPointAsync } from '@gapo/faults';
import { writeAtomicallySync } from './atomicWrite.js';
import { renameTo, syncFolder, syncFolderSync, syncTree } from './flush.js';
import { cannotWrite, named } from './writeError.js';

/**
 * Creates a directory, or replaces one, once its content is complete. Only one writer at a time: leftovers of an interrupted
 * one are removed first.
 *
 * @param fill writes the files into the given directory; returns false to leave the target unchanged
 * @param assertWritable called immediately before each rename; throws if another process has taken over the parent
 * @throws UserError that names the directory if it or a file in it cannot be written; other errors of `fill`, and errors of
 * `assertWritable`. The target is then unchanged.
 */
export async function replaceDirectory(
  path: string,
  fill: (directory: string) => Promise<boolean | void>,
  assertWritable: () => void = () => undefined,
): Promise<void> {
  const [parent, name] = [dirname(path), basename(path)];
  const [partial, replaced] = [join(parent, `.${name}.partial`), join(parent, `.${name}.replaced`)];
  try {
    await named(path, async () => {
      await rm(partial, { recursive: true, force: true });
      await mkdir(partial, { recursive: true });
      if ((await fill(partial)) !== false) await putInPlace(partial, path, replaced, assertWritable);
    });
  } finally {
    await rm(partial, { recursive: true, force: true }).catch(() => undefined); // the first error counts
  }
}

/**
 * Renames a complete directory to its target. The old target is renamed first, because a rename cannot replace a non-empty
 * directory.
 */
async function putInPlace(partial: string, path: string, replaced: string, assertWritable: () => void): Promise<void> {
  await syncTree(partial);
  assertWritable();
  await rm(replaced, { recursive: true, force: true });
  const replaces = await renameTo(path, replaced, assertWritable).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error;
      return false;
    },
  );
  try {
    await renameTo(partial, path, assertWritable);
  } catch (error) {
    if (replaces) await rename(replaced, path);
    throw error;
  }
  await syncFolder(dirname(path));
  await faultPointAsync('file.remove', replaced);
  await rm(replaced, { recursive: true, force: true });
}

/**
 * Creates a directory of small files synchronously. It appears complete, and is on disk when this returns.
 *
 * @param files contents by name
 * @throws UserError that names the directory if it exists or cannot be written; then nothing is left behind
 */
export function createDirectorySync(path: string, files: ReadonlyMap<string, string>): void {
  const partial = join(dirname(path), `.${basename(path)}.partial`);
  try {
    rmSync(partial, { recursive: true, force: true });
    mkdirSync(partial, { recursive: true });
    for (const [name, content] of files) writeAtomicallySync(join(partial, name), content);
    faultPoint('file.rename', path);
    renameSync(partial, path);
    syncFolderSync(dirname(path));
  } catch (error) {
    try {
      rmSync(partial, { recursive: true, force: true });
    } catch {
      // The first error counts.
    }
    throw cannotWrite(path, error);
  }
}

/**
 * Removes a directory atomically: under its name it is either complete or gone.
 *
 * @throws UserError that names the directory if it cannot be removed
 */
export async function removeDirectory(path: string): Promise<void> {
  const partial = join(dirname(path), `.${basename(path)}.partial`);
  await named(path, async () => {
    await faultPointAsync('file.remove', path);
    await rm(partial, { recursive: true, force: true });
    await renameTo(path, partial);
    await rm(partial, { recursive: true, force: true });
  });
}

/**
 * Removes what interrupted writers left in a folder, and completes replacements that crashed between their two renames. No
 * other process may write there at the same time.
 *
 * @returns the names of the removed entries; none if there is no such folder
 * @throws UserError that names the folder if it cannot be changed
 */
export async function removeLeftovers(folder: string): Promise<readonly string[]> {
  const entries: readonly string[] = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw cannotWrite(folder, error);
  });
  const removed: string[] = [];
  await named(folder, async () => {
    for (const entry of entries) {
      const [, replaced] = /^\.(.+)\.replaced$/.exec(entry) ?? [];
      if (replaced !== undefined && !entries.includes(replaced)) {
        await renameTo(join(folder, entry), join(folder, replaced));
        await syncFolder(folder);
      } else if (replaced !== undefined || /^\..+\.partial$/.test(entry)) {
        await rm(join(folder, entry), { recursive: true, force: true });
        removed.push(entry);
      }
    }
  });
  return removed;
}
