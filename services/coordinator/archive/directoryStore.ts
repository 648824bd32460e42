/** A store in a directory, such as a network share. */
import { createReadStream } from 'node:fs';
import { open, readdir, rm } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { pathToFileURL } from 'node:url';
import { writeAtomically } from '@gapo/service';
import type { ObjectStore } from './objectStore.js';
import { StoreError } from './storeError.js';

export class DirectoryStore implements ObjectStore {
  readonly url: string;
  readonly #root: string;

  constructor(root: string) {
    this.#root = root;
    this.url = pathToFileURL(root).href;
  }

  async list(prefix: string): Promise<readonly string[]> {
    // Walks only the folder that contains the prefix.
    const folder = join(this.#root, prefix.slice(0, prefix.lastIndexOf('/') + 1));
    const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(
      (error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT') return [];
        throw this.#failure(prefix === '' ? 'cannot be listed' : `cannot list ${prefix}`, error);
      },
    );
    return entries
      .filter((entry) => entry.isFile() && !entry.name.startsWith('.'))
      .map((entry) => relative(this.#root, join(entry.parentPath, entry.name)).split(sep).join('/'))
      .filter((key) => key.startsWith(prefix));
  }

  async put(key: string, file: string): Promise<void> {
    await this.#copy(`cannot store ${key}`, file, join(this.#root, key));
  }

  async get(key: string, file: string): Promise<void> {
    await this.#copy(`cannot read ${key}`, join(this.#root, key), file);
  }

  async remove(keys: readonly string[]): Promise<void> {
    for (const key of keys) {
      await rm(join(this.#root, key), { force: true }).catch((error: unknown) => {
        throw this.#failure(`cannot remove ${key}`, error);
      });
    }
  }

  close(): void {
    // No connections to close.
  }

  async #copy(what: string, from: string, to: string): Promise<void> {
    try {
      const source = await open(from, 'r');
      try {
        const { size } = await source.stat();
        // `end` is inclusive, so a stream cannot be empty.
        const content = size === 0 ? '' : createReadStream(from, { fd: source, end: size - 1, autoClose: false });
        await writeAtomically(to, content);
      } finally {
        await source.close();
      }
    } catch (error) {
      throw this.#failure(what, error);
    }
  }

  #failure(what: string, error: unknown): StoreError {
    return new StoreError(`CHECKPOINT_STORE ${this.url}: ${what}: ${(error as Error).message}`, { cause: error });
  }
}
