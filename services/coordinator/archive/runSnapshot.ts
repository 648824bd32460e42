/** A run's files at one moment, as links in a directory, because the run replaces and removes files while they are copied. */
import { copyFileSync, existsSync, statSync, type Stats } from 'node:fs';
import { copyFile, link, mkdir, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { listCheckpoints } from '../state/checkpointPlaces.js';
import { stateFile } from '../state/fileNames.js';
import { auditFiles, checkpointFolder, runFiles } from './runKeys.js';

/** A run whose files are archived. */
export interface ArchivedRun {
  readonly id: string;
  /** Its directory. */
  readonly path: string;
  /** Its directories of checkpoints and events. */
  readonly checkpoints: string;
  readonly events: string;
  /** @throws UserError if another coordinator has taken over the data directory */
  assertWritable(): void;
}

/** The files of a run. */
export interface RunSnapshot {
  readonly id: string;
  readonly directory: string;
  /** Steps with a checkpoint, ascending. */
  readonly checkpoints: readonly number[];
  /** Names of the other files, run.json last. */
  readonly files: readonly string[];
  /**
   * By file name, a value that changes whenever the content does. Files are replaced or appended to, never changed in place.
   * Appended lines may already be in the snapshot.
   */
  readonly versions: ReadonlyMap<string, string>;
}

/** Removed at the next start if the process ends during a copy. */
const snapshotName = '.archive.partial';

/**
 * Calls `use` with a snapshot, which is removed afterwards. Files are linked rather than copied if the file system supports it.
 *
 * Checkpoints are linked before the reports, so that every checkpoint except the newest has its report; the newest contains its
 * own.
 */
export async function withSnapshot(run: ArchivedRun, use: (snapshot: RunSnapshot) => Promise<void>): Promise<void> {
  const directory = join(run.path, snapshotName);
  try {
    await rm(directory, { recursive: true, force: true });
    await mkdir(directory);
    const linked = new LinkedFiles(run.path, directory);
    const checkpoints: number[] = [];
    for (const { step, directory: place } of await listCheckpoints(run.checkpoints)) {
      if (await linked.addFolder(place, checkpointFolder(step))) checkpoints.push(step);
    }
    await linked.addFolder(run.events, 'events');
    linked.copyNow(auditFiles);
    for (const name of runFiles) await linked.add(join(run.path, name), name);
    const { versions } = linked;
    const files = [...versions.keys()].filter((name) => !name.startsWith('checkpoints/'));
    await use({ id: run.id, directory, checkpoints, files, versions });
  } finally {
    await rm(directory, { recursive: true, force: true }).catch(() => undefined); // the next snapshot removes it
  }
}

/** Links files of a run into a snapshot. */
class LinkedFiles {
  readonly versions = new Map<string, string>();
  readonly #run: string;
  readonly #snapshot: string;

  constructor(run: string, snapshot: string) {
    this.#run = run;
    this.#snapshot = snapshot;
  }

  /** Links the files of a folder. Returns whether it was a complete checkpoint until the end. */
  async addFolder(from: string, folder: string): Promise<boolean> {
    const names = (await namesIn(from)).filter((name) => !name.startsWith('.'));
    await mkdir(join(this.#snapshot, folder), { recursive: true });
    let whole = names.includes(stateFile);
    for (const name of names) whole = (await this.add(join(from, name), `${folder}/${name}`)) && whole;
    return whole;
  }

  /** Links a file, or copies it if the file system has no hard links. Returns whether it exists. */
  async add(from: string, name: string): Promise<boolean> {
    const to = join(this.#snapshot, name);
    try {
      const version = versionOf(await stat(from));
      await link(from, to).catch(async (error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT') throw error;
        await copyFile(from, to);
      });
      this.versions.set(name, version);
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
      throw error;
    }
  }

  /** Copies small files of the run synchronously, so that they are consistent with each other. */
  copyNow(names: readonly string[]): void {
    for (const name of names) {
      const from = join(this.#run, name);
      if (!existsSync(from)) continue;
      copyFileSync(from, join(this.#snapshot, name));
      this.versions.set(name, versionOf(statSync(from)));
    }
  }
}

function versionOf({ ino, size, mtimeMs }: Stats): string {
  return `${ino} ${size} ${mtimeMs}`;
}

async function namesIn(folder: string): Promise<readonly string[]> {
  return readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
}

/** The names of a checkpoint's files, the manifest last. */
export async function checkpointFiles(snapshot: RunSnapshot, step: number): Promise<readonly string[]> {
  const names = await namesIn(join(snapshot.directory, checkpointFolder(step)));
  return [...names.filter((name) => name !== stateFile), stateFile];
}
