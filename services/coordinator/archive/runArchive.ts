/**
 * Copies of runs in an object store, from which the DATA_DIR of a lost node is restored. A run has the same files as in
 * DATA_DIR:
 *
 *     RUN/checkpoints/step-000020/...    its files first, state.json last: without it a checkpoint does not count
 *     RUN/events/...
 *     RUN/audit.jsonl, audit.head.json
 *     RUN/config.yaml, steps.jsonl, aims.jsonl, run.json    run.json last: without it a run does not count
 *
 * DATA_DIR is authoritative. The store is updated in the background, and training never waits for it. An outage is logged, and
 * the store catches up afterwards.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { messageOf, settlesWithin } from '@gapo/rpc';
import { isExpected, replaceDirectory, word, type Logger } from '@gapo/service';
import { recordFile, stateFile } from '../state/fileNames.js';
import { ArchivedKeys } from './archivedKeys.js';
import type { ObjectStore } from './objectStore.js';
import { auditFiles, isCheckpointOf, runFiles, stepsIn } from './runKeys.js';
import { withSnapshot, type ArchivedRun } from './runSnapshot.js';

/** The shortest time between two rounds. What a lost node wrote since its last round is recomputed. */
const roundMs = 5000;

/** The longest pause after a round that failed, in milliseconds. The pause doubles from {@link roundMs}. */
const longestPauseMs = 60_000;

/** Number of checkpoints restored per run: the newest, and the one before it in case the newest is damaged. */
const restoredCheckpoints = 2;

/** The outcome of restoring the runs that a data directory lacks. */
export interface Restored {
  /** Ids of the restored runs. */
  readonly runs: readonly string[];
  /** By id, why other runs could not be restored. */
  readonly failed: ReadonlyMap<string, string>;
}

/** Copies runs to a store in the background, and restores them. */
export class RunArchive {
  readonly #store: ObjectStore;
  readonly #log: Logger;
  readonly #keys: ArchivedKeys;
  readonly #waiting = new Map<string, ArchivedRun>();
  readonly #closing = new AbortController();
  #working: Promise<void> | undefined;
  /** Ends the pause in progress. */
  #pause = new AbortController();
  /** Calls of {@link flush} in progress. */
  #flushes = 0;

  constructor(store: ObjectStore, log: Logger) {
    this.#store = store;
    this.#log = log;
    this.#keys = new ArchivedKeys(store);
  }

  /** Stores a run's files in the background. Several calls before the next round count as one. */
  save(run: ArchivedRun): void {
    if (this.#closing.signal.aborted) return;
    this.#waiting.set(run.id, run);
    this.#working ??= this.#work();
  }

  /** Waits until everything is stored, for at most `timeoutMs`. Returns whether it is. */
  async flush(timeoutMs: number): Promise<boolean> {
    this.#flushes++;
    this.#pause.abort();
    try {
      return await settlesWithin(this.#working ?? Promise.resolve(), timeoutMs);
    } finally {
      this.#flushes--;
    }
  }

  /** Stores what is left within the time limit, and stops. */
  async close(timeoutMs: number): Promise<void> {
    if (!(await this.flush(timeoutMs))) {
      this.#log.warn(`CHECKPOINT_STORE ${this.#store.url} lacks the last files of runs; DATA_DIR has them`);
    }
    this.#closing.abort();
    this.#pause.abort();
    this.#store.close();
    await this.#working;
  }

  async #work(): Promise<void> {
    let failures = 0;
    while (this.#waiting.size > 0 && !this.#closing.signal.aborted) {
      const problem = await this.#round();
      if (this.#closing.signal.aborted) break;
      if (problem === undefined) {
        if (failures > 0) this.#log.info(`CHECKPOINT_STORE ${this.#store.url} is available again`);
        failures = 0;
        if (this.#flushes === 0) await this.#wait(roundMs);
      } else {
        const pauseMs = Math.min(roundMs * 2 ** failures++, longestPauseMs);
        const runs = [...this.#waiting.keys()];
        this.#log.warn({ runs }, `${problem}; training continues, and copying is retried in ${pauseMs / 1000} s`);
        await this.#wait(pauseMs);
      }
    }
    this.#working = undefined;
  }

  async #wait(ms: number): Promise<void> {
    this.#pause = new AbortController();
    await delay(ms, undefined, { signal: this.#pause.signal }).catch(() => undefined); // ended by flush() or close()
  }

  /** Stores each pending run once. Runs that fail wait for the next round. Returns the first problem. */
  async #round(): Promise<string | undefined> {
    const runs = [...this.#waiting.values()];
    this.#waiting.clear();
    let problem: string | undefined;
    for (const run of runs) {
      try {
        await this.#copy(run);
      } catch (error) {
        if (!this.#waiting.has(run.id)) this.#waiting.set(run.id, run);
        problem ??= `run ${run.id}: ${messageOf(error)}`;
      }
    }
    return problem;
  }

  async #copy(run: ArchivedRun): Promise<void> {
    run.assertWritable();
    await withSnapshot(run, async (snapshot) => {
      await this.#keys.withKeys(run.id, async (stored) => {
        for (const step of snapshot.checkpoints) await this.#keys.putCheckpoint(snapshot, step, stored);
        for (const file of snapshot.files) await this.#keys.put(snapshot, file, stored);
        await this.#keys.removeOthers(snapshot, stored);
      });
    });
  }

  /**
   * Restores the runs that a data directory lacks: their files and newest checkpoints. A run appears complete or not at all.
   *
   * @throws StoreError if the store cannot be listed
   */
  async restoreMissing(dataDirectory: string): Promise<Restored> {
    const keys = await this.#store.list('');
    const ids = keys.flatMap((key) => (key.endsWith(`/${recordFile}`) ? [key.slice(0, -recordFile.length - 1)] : []));
    const runs: string[] = [];
    const failed = new Map<string, string>();
    for (const id of ids) {
      if (!word.safeParse(id).success || existsSync(join(dataDirectory, id))) continue;
      try {
        await this.#restore(id, keys, join(dataDirectory, id));
        runs.push(id);
      } catch (error) {
        if (!isExpected(error)) throw error;
        failed.set(id, `${error.message}; it is read back at the next start of the coordinator`);
        this.#log.warn({ run: id }, `run ${id} could not be read back: ${error.message}`);
      }
    }
    return { runs, failed };
  }

  async #restore(id: string, keys: readonly string[], target: string): Promise<void> {
    const names = keys.flatMap((key) => (key.startsWith(`${id}/`) ? [key.slice(id.length + 1)] : []));
    const checkpoints = stepsIn(names.filter((name) => name.endsWith(`/${stateFile}`))).slice(-restoredCheckpoints);
    const wanted = names.filter(
      (name) =>
        [...runFiles, ...auditFiles].includes(name) ||
        /^events\/[^/]+$/.test(name) ||
        checkpoints.some((step) => isCheckpointOf(name, step)),
    );
    await replaceDirectory(target, async (directory) => {
      for (const name of wanted) await this.#store.get(`${id}/${name}`, join(directory, name));
    });
    this.#log.info({ run: id, checkpoints }, `run ${id} was read back from ${this.#store.url}`);
  }
}
