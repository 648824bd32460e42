/** Renames and fsyncs, which make a write survive a power cut. */
import { closeSync, fsyncSync, openSync } from 'node:fs';
import { open, readdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { faultPoint, faultPointAsync } from '@gapo/faults';

/**
 * Renames a file or directory. Its folder still has to be flushed.
 *
 * @param assertWritable called immediately before; throws to prevent the rename
 */
export async function renameTo(from: string, to: string, assertWritable?: () => void): Promise<void> {
  await faultPointAsync('file.rename', to);
  assertWritable?.();
  await rename(from, to);
}

export async function syncFolder(path: string): Promise<void> {
  await faultPointAsync('file.syncFolder', path);
  await sync(path);
}

export function syncFolderSync(path: string): void {
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

/**
 * Flushes everything below a directory in parallel, because each flush waits for the disk, then the directory itself.
 */
export async function syncTree(directory: string): Promise<void> {
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
