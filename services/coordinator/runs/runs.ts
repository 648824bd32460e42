/** The registry of a coordinator's runs: those that it creates, and those that it finds on disk. */
import { mkdirSync } from 'node:fs';
import { resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseRunConfig, type RunConfig } from '@gapo/config';
import { isActive, RpcError, RunState, type RunInput } from '@gapo/rpc';
import { configSha256, isExpected, metaOf, UserError, word } from '@gapo/service';
import { observeWith } from '@gapo/tracing';
import type { RunArchive } from '../archive/runArchive.js';
import { describeRewards, needsRewards } from '../scoring/rewardServices.js';
import type { GoalChange } from '../state/goals.js';
import type { VersionStore } from '../state/versions.js';
import { prepareTraining } from '../step/context/trainingContext.js';
import { Admission, type RunCounts } from './admission.js';
import type { AuditRecord } from './auditLog.js';
import { DataLease } from './dataLease.js';
import { IdleLoops } from './idleLoops.js';
import type { Platform } from './platform.js';
import { Run } from './run.js';
import { RunDirectory, type RunRecord, type WriteGuard } from './runDirectory.js';
import { averageOf, sharesOf, type Ingredient } from './soup.js';

/** How long to wait for a resumed run to start before starting the next one. */
const longestStartMs = 60_000;

/** How long the final copies to the archive and trackers may take when the coordinator stops. */
const copiesGraceMs = 8000;

/** A request to create a run. */
export interface NewRun {
  readonly configYaml: string;
  /** The directory against which relative paths in the configuration are resolved. */
  readonly baseDirectory: string;
  /** The run's id; empty: its name and the time. */
  readonly runId: string;
  /** The configuration's name in errors; empty: run.yaml. */
  readonly configName: string;
}

/** A new run's record, without the fields that depend on its source. */
type NewRecord = Omit<RunRecord, 'baseDirectory' | 'ingredients'>;

const expectedWord = metaOf(word, 'expected') ?? '';

/** Returns a caller's id as shown in errors and logs: quoted, without control characters, and truncated. */
function shown(id: string): string {
  return id.length > 80 ? `${JSON.stringify(id.slice(0, 80))}… (${id.length} characters)` : JSON.stringify(id);
}

/** The registry of runs. */
export class Runs {
  readonly #platform: Platform;
  readonly #dataDirectory: string;
  readonly #runs = new Map<string, Run>();
  readonly #idleLoops = new IdleLoops();
  /** Ids of runs that are being created. */
  readonly #reserved = new Set<string>();
  /** Runs whose files cannot be read, with the reason, by id. */
  readonly #unreadable = new Map<string, string>();
  readonly #lease: DataLease;
  readonly #archive: RunArchive | undefined;
  readonly #guard: WriteGuard;
  readonly #admission: Admission;
  readonly #stopping = new AbortController();
  readonly #unobserve: () => void;

  private constructor(platform: Platform, dataDirectory: string, lease: DataLease, archive: RunArchive | undefined) {
    this.#lease = lease;
    this.#archive = archive;
    this.#guard = { assertHeld: () => lease.assertHeld(), onWritten: (directory) => archive?.save(directory) };
    this.#platform = platform;
    this.#admission = new Admission(platform.admission);
    this.#dataDirectory = resolve(dataDirectory);
    this.#unobserve = observeWith((observe) => {
      for (const run of this.#runs.values()) run.observe(observe);
    });
  }

  /**
   * Opens a data directory, creating it if it is missing. Runs that were active when their process ended stay paused until
   * {@link continueRuns}. Runs with damaged files are listed as failed and cannot be used.
   *
   * @param archive from which runs missing in the directory are restored, and to which all are copied; closed by {@link stop}
   * @throws UserError if the directory cannot be used, or another coordinator uses it; if it has no runs and the archive cannot be read
   */
  static async open(platform: Platform, dataDirectory: string, archive?: RunArchive): Promise<Runs> {
    try {
      mkdirSync(dataDirectory, { recursive: true });
    } catch (error) {
      throw new UserError(`DATA_DIR ${dataDirectory} cannot be created: ${(error as Error).message}`, { cause: error });
    }
    const lease = await DataLease.take(dataDirectory, platform.log);
    const runs = new Runs(platform, dataDirectory, lease, archive);
    try {
      await runs.#readBack();
    } catch (error) {
      await lease.release();
      throw error;
    }
    for (const directory of runs.#directories()) {
      try {
        await runs.#restore(directory);
      } catch (error) {
        if (!isExpected(error)) throw error;
        runs.#unreadable.set(directory.id, error.message);
        platform.log.warn({ directory: directory.path }, `run ${directory.id} cannot be read: ${error.message}`);
      }
      archive?.save(directory);
    }
    return runs;
  }

  #directories(): readonly RunDirectory[] {
    return RunDirectory.list(this.#dataDirectory, this.#guard);
  }

  /**
   * Restores runs that only the archive has. If the archive does not answer, the coordinator continues with the runs in this directory.
   * If there are none, it does not start: a lost directory looks the same as one that never had runs.
   *
   * @throws UserError if the directory has no runs and the archive cannot be read
   */
  async #readBack(): Promise<void> {
    if (this.#archive === undefined) return;
    try {
      const { failed } = await this.#archive.restoreMissing(this.#dataDirectory);
      for (const [id, problem] of failed) this.#unreadable.set(id, problem);
    } catch (error) {
      if (!isExpected(error)) throw error;
      if (this.#directories().length === 0) {
        const why = `DATA_DIR ${this.#dataDirectory} has no runs, but the store may have some`;
        throw new UserError(`${error.message}. ${why}: start again once it answers`, { cause: error });
      }
      this.#platform.log.warn(`${error.message}; runs that only the store has are read back at the next start`);
    }
  }

  /**
   * Checks a configuration and everything it refers to, then creates and starts the run. If a check fails, nothing is written.
   *
   * @throws ConfigError, ModelError, UserError for an invalid configuration, file or service
   * @throws RefusedError for a file outside the project directories, or an address that is not allowed
   * @param by who creates it
   * @param signal aborts the checks when the caller disconnects
   * @throws RpcError ALREADY_EXISTS, INVALID_ARGUMENT for the run's id; RESOURCE_EXHAUSTED beyond the limits of new runs;
   *   UNAVAILABLE when stopping; CANCELLED
   */
  async create(request: NewRun, by: AuditRecord['by'], signal: AbortSignal): Promise<Run> {
    const { configYaml, baseDirectory, runId, configName } = request;
    // Cheaper than reading the configuration.
    this.#admission.check(this.#counts);
    const config = parseRunConfig(configYaml, configName || 'run.yaml', this.#platform.rewards);
    this.#platform.projects.assertInside(config, baseDirectory);
    for (const { service } of config.objectives) this.#platform.rewards.targetOf(service);
    return this.#withNewId(runId, config.name, async (record) => {
      const ended = AbortSignal.any([signal, this.#stopping.signal]);
      const created = new Date(record.created);
      const training = await prepareTraining(config, baseDirectory, this.#platform, created, ended);
      try {
        if (needsRewards(config)) await describeRewards(training.objectives, ended);
        const run = this.#add({ ...record, baseDirectory, data: [...training.files] }, config, configYaml, by);
        run.start(training);
        return run;
      } catch (error) {
        training.rewards.close();
        throw error;
      }
    });
  }

  /**
   * Creates a run whose policy is the average of other runs' newest policies. Its state is succeeded; it has the configuration and
   * goals of the first ingredient.
   *
   * @param ingredients weights by run id
   * @param runId the run's id; empty: `soup` and the time
   * @param by who creates it
   * @throws RpcError INVALID_ARGUMENT, NOT_FOUND, ALREADY_EXISTS; FAILED_PRECONDITION for runs that cannot be averaged
   * @throws UserError if files or services of a run are invalid
   */
  async createSoup(ingredients: Readonly<Record<string, number>>, runId: string, by: AuditRecord['by']): Promise<Run> {
    const shares = this.#ingredientsOf(ingredients);
    return this.#withNewId(runId, 'soup', async (record) => {
      const { first, training, state } = await averageOf(shares);
      const { configYaml, baseDirectory, goalChanges } = first.source;
      const weights = Object.fromEntries(shares.map(({ run, share }) => [run.id, share]));
      const run = this.#add(
        { ...record, baseDirectory, ingredients: weights },
        first.config,
        configYaml,
        by,
        goalChanges,
      );
      await run.completeWith(state, training);
      return run;
    });
  }

  /**
   * Checks whether runs can be averaged.
   *
   * @param ingredients weights by run id
   * @throws RpcError, UserError as {@link createSoup}, except for those about the new run's id
   */
  async checkSoup(ingredients: Readonly<Record<string, number>>): Promise<void> {
    await averageOf(this.#ingredientsOf(ingredients));
  }

  #ingredientsOf(weights: Readonly<Record<string, number>>): Ingredient[] {
    return [...sharesOf(weights)].map(([id, share]) => ({ run: this.get(id), share }));
  }

  /**
   * Reserves an id for a run while `create` creates it from its record.
   *
   * @throws RpcError INVALID_ARGUMENT, ALREADY_EXISTS for the id; RESOURCE_EXHAUSTED beyond the limits; UNAVAILABLE when stopping
   */
  async #withNewId(runId: string, name: string, create: (record: NewRecord) => Promise<Run>): Promise<Run> {
    this.#refuseWhenStopping();
    const created = new Date();
    const id = runId === '' ? this.#freeId(name, created) : runId;
    if (!word.safeParse(id).success) {
      throw new RpcError('INVALID_ARGUMENT', `run_id: found ${shown(id)}, expected ${expectedWord}`);
    }
    if (!this.#isFree(id)) {
      throw new RpcError('ALREADY_EXISTS', `run_id: run ${id} already exists; choose another id, or resume that run`);
    }
    this.#admission.admit(this.#counts);
    this.#reserved.add(id);
    const state = RunState.RUN_STATE_STARTING;
    try {
      return await create({
        format: 1,
        id,
        created: created.toISOString(),
        state,
        reason: '',
        changes: 0,
        resumptions: 0,
      });
    } finally {
      this.#reserved.delete(id);
    }
  }

  /** Creates the directory of a run and adds the run. */
  #add(
    record: RunRecord,
    config: RunConfig,
    configYaml: string,
    by: AuditRecord['by'],
    goalChanges: readonly GoalChange[] = [],
  ): Run {
    this.#refuseWhenStopping();
    const { ingredients } = record;
    const objectives = (goalChanges.at(-1)?.after ?? config).objectives.map(({ name }) => name);
    const after = { method: config.combine.method, objectives, configSha256: configSha256(config) };
    const created = {
      action: 'created',
      by,
      before: {},
      after: { ...after, ...(ingredients && { ingredients }) },
    } as const;
    const directory = RunDirectory.create(this.#dataDirectory, this.#guard, record, configYaml, created, goalChanges);
    const run = new Run({ platform: this.#platform, directory, record, config, idleLoops: this.#idleLoops });
    this.#runs.set(record.id, run);
    run.track();
    return run;
  }

  /** Rejects if another coordinator has taken over the data directory. This one must then exit. */
  get lost(): Promise<never> {
    return this.#lease.lost;
  }

  /** @throws RpcError NOT_FOUND; FAILED_PRECONDITION if its files cannot be read */
  get(id: string): Run {
    const run = this.#runs.get(id);
    if (run !== undefined) return run;
    const reason = this.#unreadable.get(id);
    if (reason !== undefined) throw new RpcError('FAILED_PRECONDITION', `run ${id} cannot be read: ${reason}`);
    const known = [...this.#runs.keys()].slice(-5);
    const existing = known.length === 0 ? 'there are none yet' : `there is ${known.join(', ')}`;
    throw new RpcError('NOT_FOUND', `run_id: there is no run ${shown(id)}; ${existing}`);
  }

  /** Returns all runs as messages, newest first. Those whose files cannot be read come last, as failed. */
  list(): readonly RunInput[] {
    const readable = [...this.#runs.values()].sort(
      (a, b) => b.created.getTime() - a.created.getTime() || (a.id < b.id ? 1 : -1),
    );
    const unreadable = [...this.#unreadable].map(([id, problem]) => ({
      id,
      state: RunState.RUN_STATE_FAILED,
      reason: `cannot be read: ${problem}`,
    }));
    return [...readable.map((run) => run.snapshot()), ...unreadable];
  }

  /**
   * Returns a run's versions for workers.
   *
   * @param key the run's {@link Run.key}, the key of an evaluation that began before the last resumption, or the run's id
   * @throws RpcError NOT_FOUND if the run is unknown, was resumed since, or has no versions in memory
   */
  versionsOf(key: string, version: number): VersionStore {
    const run = this.get(key.split('~')[0] ?? '');
    const versions = run.versionsOf(key, version);
    if (versions !== undefined) return versions;
    if (key !== run.id && key !== run.key) {
      throw new RpcError('NOT_FOUND', `run ${run.id} was resumed after ${key}; its key is now ${run.key}`);
    }
    throw new RpcError('NOT_FOUND', `run ${run.id} holds no versions in memory; resume or evaluate it first`);
  }

  /**
   * Resumes the runs that an earlier coordinator left, oldest first: those that were active when it ended, and those waiting for a
   * fault to pass. They start one after another because each reads its model and data, but a slow one does not hold up the next for
   * long. The outcome is the state of each run; this never rejects.
   */
  async continueRuns(): Promise<void> {
    const left = [...this.#runs.values()].filter(({ continues }) => continues);
    left.sort((a, b) => a.created.getTime() - b.created.getTime());
    const { signal: stopping } = this.#stopping;
    for (const run of left) {
      if (stopping.aborted) return;
      const started = new AbortController();
      const signal = AbortSignal.any([stopping, started.signal]);
      const next = delay(longestStartMs, undefined, { ref: false, signal }).catch(() => undefined);
      await Promise.race([run.continue(), next]);
      started.abort();
    }
  }

  /** Pauses every active run. Steps in progress have until the end of the grace period to finish. */
  async stop(graceMs: number): Promise<void> {
    this.#stopping.abort();
    this.#unobserve();
    await Promise.all([...this.#runs.values()].map((run) => run.stop(graceMs)));
    await Promise.all([this.#archive?.close(copiesGraceMs), this.#platform.tracking.close(copiesGraceMs)]);
    await this.#lease.release();
  }

  #refuseWhenStopping(): void {
    if (this.#stopping.signal.aborted)
      throw new RpcError('UNAVAILABLE', 'the coordinator is stopping; create the run again later');
  }

  async #restore(directory: RunDirectory): Promise<void> {
    await directory.removeLeftovers();
    const record = directory.readRecord();
    // Services are checked when the run is resumed: they may have changed.
    const config = parseRunConfig(directory.readConfig(), directory.configPath, undefined);
    const run = new Run({ platform: this.#platform, directory, record, config, idleLoops: this.#idleLoops });
    await run.findCheckpoint();
    run.publishMissedEvents(record);
    this.#runs.set(record.id, run);
    if (isActive(record.state)) run.interrupted();
    run.track();
  }

  /** Runs being created count as active. */
  get #counts(): RunCounts {
    const [runs, reserved] = [[...this.#runs.values()], this.#reserved.size];
    const all = this.#runs.size + this.#unreadable.size + reserved;
    return { all, active: runs.filter(({ isActive }) => isActive).length + reserved };
  }

  #isFree(id: string): boolean {
    const known = [this.#runs, this.#reserved, this.#unreadable].some((ids) => ids.has(id));
    return !known && !RunDirectory.exists(this.#dataDirectory, id);
  }

  /** Returns the name and the time, for example assistant-20250131-120000, with a number if that id is taken. */
  #freeId(name: string, now: Date): string {
    const time = now.toISOString().slice(0, 19).replaceAll(/[-:]/g, '').replace('T', '-');
    const base = `${name.slice(0, 40)}-${time}`;
    for (let number = 1; ; number++) {
      const id = number === 1 ? base : `${base}-${number}`;
      if (this.#isFree(id)) return id;
    }
  }
}
