/** Tracks which files the store already has, so that each round sends only changed files. */
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { stateFile } from '../state/fileNames.js';
import type { ObjectStore } from './objectStore.js';
import { checkpointFolder, isCheckpointOf, stepsIn } from './runKeys.js';
import { checkpointFiles, type RunSnapshot } from './runSnapshot.js';

/** File name within a snapshot for a manifest fetched from the store. */
const storedManifest = 'stored-state.json';

/** Stores and removes the files of snapshots. */
export class ArchivedKeys {
  readonly #store: ObjectStore;
  /** What this process has stored under each key: see {@link RunSnapshot.versions}. */
  readonly #stored = new Map<string, string>();
  /** For each run, the keys in the store, once they have been listed. */
  readonly #listed = new Map<string, Set<string>>();

  constructor(store: ObjectStore) {
    this.#store = store;
  }

  /**
   * Calls `use` with the keys of a run in the store. They are listed once, and again after a failure, which leaves the store in an
   * unknown state.
   *
   * @throws StoreError if they cannot be listed; also what `use` throws
   */
  async withKeys(id: string, use: (stored: Set<string>) => Promise<void>): Promise<void> {
    const stored = this.#listed.get(id) ?? new Set(await this.#store.list(`${id}/`));
    this.#listed.delete(id);
    await use(stored);
    this.#listed.set(id, stored);
  }

  /** Stores a file if it has changed. */
  async put({ id, directory, versions }: RunSnapshot, file: string, stored: Set<string>): Promise<void> {
    const [key, version] = [`${id}/${file}`, versions.get(file) ?? ''];
    if (this.#stored.get(key) === version) return;
    await this.#store.put(key, join(directory, file));
    stored.add(key);
    this.#stored.set(key, version);
  }

  /**
   * Stores a checkpoint unless this or an earlier process has already stored it.
   *
   * @param stored the keys in the store
   */
  async putCheckpoint(snapshot: RunSnapshot, step: number, stored: Set<string>): Promise<void> {
    const folder = checkpointFolder(step);
    const manifest = join(snapshot.directory, folder, stateFile);
    const key = `${snapshot.id}/${folder}/${stateFile}`;
    const version = snapshot.versions.get(`${folder}/${stateFile}`) ?? '';
    if (this.#stored.get(key) === version) return;
    if (stored.has(key)) {
      if (await this.#isSame(key, manifest, join(snapshot.directory, storedManifest))) {
        this.#stored.set(key, version);
        return;
      }
      await this.#store.remove([key]); // the checkpoint is incomplete while its files change
    }
    for (const name of await checkpointFiles(snapshot, step)) {
      const file = `${folder}/${name}`;
      await this.#store.put(`${snapshot.id}/${file}`, join(snapshot.directory, file));
      stored.add(`${snapshot.id}/${file}`);
    }
    this.#stored.set(key, version);
  }

  /** Whether the store has the same manifest and therefore the same files, since the manifest is written last. */
  async #isSame(key: string, manifest: string, scratch: string): Promise<boolean> {
    await this.#store.get(key, scratch);
    const [own, other] = await Promise.all([readFile(manifest), readFile(scratch)]);
    await rm(scratch);
    return own.equals(other);
  }

  /**
   * Removes checkpoints and events that the run no longer has. Manifests go first, so that a checkpoint never counts without its files.
   * If the run has no checkpoint, those in the store stay.
   *
   * @param stored the keys in the store
   */
  async removeOthers({ id, checkpoints, files }: RunSnapshot, stored: Set<string>): Promise<void> {
    const names = [...stored].map((key) => key.slice(id.length + 1));
    const steps = checkpoints.length === 0 ? [] : stepsIn(names).filter((step) => !checkpoints.includes(step));
    const removed = names.filter(
      (name) =>
        steps.some((step) => isCheckpointOf(name, step)) || (name.startsWith('events/') && !files.includes(name)),
    );
    const isManifest = (name: string): boolean => name.endsWith(`/${stateFile}`);
    for (const part of [removed.filter(isManifest), removed.filter((name) => !isManifest(name))]) {
      if (part.length > 0) await this.#store.remove(part.map((name) => `${id}/${name}`));
    }
    for (const name of removed) {
      this.#stored.delete(`${id}/${name}`);
      stored.delete(`${id}/${name}`);
    }
  }
}
