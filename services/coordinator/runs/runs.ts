/** Every run of this coordinator: those that it leads, and those that it finds on disk when it starts. */
import { mkdirSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseRunConfig } from '@gapo/config';
import { isActive, RpcError, RunState } from '@gapo/rpc';
import { word, isExpected, UserError } from '@gapo/service';
import type { VersionStore } from '../state/versions.js';
import { prepareTraining } from '../step/context/trainingContext.js';
import { lockDataDirectory } from './dataLock.js';
import type { Platform } from './platform.js';
import { Run } from './run.js';
import { RunDirectory, type RunRecord } from './runDirectory.js';
import { averagedState, sharesOf } from './soup.js';

/** What a new run is made from. */
export interface NewRun {
  readonly configYaml: string;
  /** Where relative paths of the configuration start. */
  readonly baseDirectory: string;
  /** Its id; made from its name and the time where empty. */
  readonly runId: string;
  /** What errors call the configuration; run.yaml where empty. */
  readonly configName: string;
}

/** The registry of runs. */
export class Runs {
  readonly #platform: Platform;
  readonly #dataDirectory: string;
  readonly #runs = new Map<string, Run>();
  /** Ids that are being created. */
  readonly #claimed = new Set<string>();
  readonly #unlock: () => void;
  #stopping = false;

  private constructor(platform: Platform, dataDirectory: string, unlock: () => void) {
    this.#unlock = unlock;
    this.#platform = platform;
    this.#dataDirectory = resolve(dataDirectory);
  }

  /**
   * Opens a data directory, made where it is missing. A run that was active when its process ended is failed now, with
   * the reason; one whose files are damaged is left alone and said so in the log.
   *
   * @throws UserError where the directory cannot be used, or another coordinator uses it
   */
  static async open(platform: Platform, dataDirectory: string): Promise<Runs> {
    try {
      mkdirSync(dataDirectory, { recursive: true });
    } catch (error) {
      throw new UserError(`DATA_DIR ${dataDirectory} cannot be made: ${(error as Error).message}`, { cause: error });
    }
    const runs = new Runs(platform, dataDirectory, await lockDataDirectory(dataDirectory, platform.log));
    for (const directory of RunDirectory.list(runs.#dataDirectory)) {
      try {
        await runs.#restore(directory);
      } catch (error) {
        if (!isExpected(error)) throw error;
        platform.log.warn({ directory: directory.path }, `a run is left out: ${error.message}`);
      }
    }
    return runs;
  }

  /**
   * Checks a configuration and everything that it names, then makes the run and starts it. Nothing is written before all
   * is right.
   *
   * @throws ConfigError, ModelError, UserError that say what is wrong, where, and what to do
   * @throws RpcError ALREADY_EXISTS, INVALID_ARGUMENT for the run's id; UNAVAILABLE when stopping
   */
  async create({ configYaml, baseDirectory, runId, configName }: NewRun): Promise<Run> {
    this.#refuseWhenStopping();
    const config = parseRunConfig(configYaml, configName || 'run.yaml', this.#platform.rewards);
    const created = new Date();
    const id = this.#claim(runId, config.name, created);
    try {
      const training = await prepareTraining(config, baseDirectory, this.#platform);
      this.#refuseWhenStopping();
      const record = newRecord(id, created, baseDirectory);
      const directory = RunDirectory.create(this.#dataDirectory, record, configYaml);
      const run = new Run({ platform: this.#platform, directory, record, config });
      this.#runs.set(id, run);
      run.start(training);
      return run;
    } finally {
      this.#claimed.delete(id);
    }
  }

  /**
   * Makes a run whose policy is the average of other runs' newest policies. It has succeeded, with the configuration and
   * the goals of the first ingredient.
   *
   * @param ingredients weights by run id
   * @param runId its id; made from the time where empty
   * @throws RpcError INVALID_ARGUMENT, NOT_FOUND, ALREADY_EXISTS, FAILED_PRECONDITION for runs that have no common average
   * @throws UserError where files or services of a run are not as they should be
   */
  async createSoup(ingredients: Readonly<Record<string, number>>, runId: string): Promise<Run> {
    this.#refuseWhenStopping();
    const shares = [...sharesOf(ingredients)].map(([id, share]) => ({ run: this.get(id), share }));
    const created = new Date();
    const id = this.#claim(runId, 'soup', created);
    try {
      const state = await averagedState(shares);
      const first = shares[0]!.run;
      const { training } = await first.loaded();
      this.#refuseWhenStopping();
      const { configYaml, baseDirectory, goalChanges } = first.source;
      const record: RunRecord = {
        ...newRecord(id, created, baseDirectory),
        ingredients: Object.fromEntries(shares.map(({ run, share }) => [run.id, share])),
      };
      const directory = RunDirectory.create(this.#dataDirectory, record, configYaml, goalChanges);
      const run = new Run({ platform: this.#platform, directory, record, config: first.config });
      this.#runs.set(id, run);
      await run.endAt(state, training);
      return run;
    } finally {
      this.#claimed.delete(id);
    }
  }

  /**
   * Takes an id for a run that is being made.
   *
   * @throws RpcError INVALID_ARGUMENT, ALREADY_EXISTS
   */
  #claim(runId: string, name: string, created: Date): string {
    const id = runId === '' ? this.#freeId(name, created) : runId;
    if (!word.safeParse(id).success) {
      throw new RpcError('INVALID_ARGUMENT', `run_id: found "${id}", expected a word of letters, digits, "-" and "_"`);
    }
    if (!this.#isFree(id)) {
      throw new RpcError(
        'ALREADY_EXISTS',
        `run_id: there is a run ${id} already; choose another id, or resume that run`,
      );
    }
    this.#claimed.add(id);
    return id;
  }

  /** @throws RpcError NOT_FOUND */
  get(id: string): Run {
    const run = this.#runs.get(id);
    if (run !== undefined) return run;
    const known = [...this.#runs.keys()].slice(-5);
    const there = known.length === 0 ? 'there are none yet' : `there is ${known.join(', ')}`;
    throw new RpcError('NOT_FOUND', `run_id: there is no run "${id}"; ${there}`);
  }

  /** Every run, newest first. */
  list(): readonly Run[] {
    return [...this.#runs.values()].sort((a, b) => b.created.getTime() - a.created.getTime() || (a.id < b.id ? 1 : -1));
  }

  /**
   * The versions that workers ask for by a key of {@link Run.key}, or by the run's id alone.
   *
   * @throws RpcError NOT_FOUND where the run is unknown or has gone on since, or holds nothing in memory
   */
  versionsOf(key: string): VersionStore {
    const run = this.get(key.split('~')[0] ?? '');
    if (key !== run.id && key !== run.key) {
      throw new RpcError('NOT_FOUND', `run ${run.id} was resumed since ${key}; its key is ${run.key} now`);
    }
    if (run.versions !== undefined) return run.versions;
    throw new RpcError('NOT_FOUND', `run ${run.id} holds no versions in memory; resume or evaluate it first`);
  }

  /** Pauses every active run; each step in progress has the grace time to finish. */
  async stop(graceMs: number): Promise<void> {
    this.#stopping = true;
    await Promise.all([...this.#runs.values()].map((run) => run.stop(graceMs)));
    this.#unlock();
  }

  #refuseWhenStopping(): void {
    if (this.#stopping) throw new RpcError('UNAVAILABLE', 'the coordinator is stopping; create the run again later');
  }

  async #restore(directory: RunDirectory): Promise<void> {
    let record = directory.readRecord();
    // The services that the configuration names may be others by now; that is looked at when the run is resumed.
    const config = parseRunConfig(directory.readConfig(), directory.configPath, undefined);
    const interrupted = isActive(record.state);
    if (interrupted) {
      const reason = 'the coordinator ended while the run was active; resume it to go on from its last checkpoint';
      record = { ...record, state: RunState.RUN_STATE_FAILED, reason, changes: record.changes + 1 };
      directory.writeRecord(record);
    }
    const run = new Run({ platform: this.#platform, directory, record, config });
    await run.findCheckpoint();
    this.#runs.set(record.id, run);
    if (interrupted) run.announceInterruption();
  }

  #isFree(id: string): boolean {
    return !this.#runs.has(id) && !this.#claimed.has(id) && !RunDirectory.exists(this.#dataDirectory, id);
  }

  /** The name and the time, as assistant-20250131-120000, with a number where that is taken. */
  #freeId(name: string, now: Date): string {
    const time = now.toISOString().slice(0, 19).replaceAll(/[-:]/g, '').replace('T', '-');
    const base = `${name.slice(0, 40)}-${time}`;
    for (let number = 1; ; number++) {
      const id = number === 1 ? base : `${base}-${number}`;
      if (this.#isFree(id)) return id;
    }
  }
}

/** The record of a run that begins. */
function newRecord(id: string, created: Date, baseDirectory: string): RunRecord {
  return {
    format: 1,
    id,
    created: created.toISOString(),
    baseDirectory,
    state: RunState.RUN_STATE_STARTING,
    reason: '',
    changes: 0,
    resumptions: 0,
  };
}
