/** The coordinator, as commands call it: every expected failure is one line for a person. */
import { setTimeout as delay } from 'node:timers/promises';
import {
  connect,
  RpcError,
  type ChangeObjectivesRequestInput,
  type ChangeObjectivesResponse,
  type Client,
  type EvaluateRunResponse,
  type Run,
  type RpcCode,
  type SetPreferenceResponse,
  type WatchRunResponse,
} from '@gapo/rpc';
import { UserError } from '@gapo/service';
import { isAlive } from './processes/leftovers.js';
import { readUpFile } from './processes/upFile.js';
import { defaultCoordinator, defaultDataDirectory, fromHere } from './project.js';

type Training = Client<'gapo.training.v1.TrainingService'>;

/** Answers from memory. */
const quickMs = 15_000;
/** The coordinator checks models and reward services before it answers. */
const startMs = 120_000;
/** How long a coordinator may be away while a run is watched. */
const awayMs = 30_000;
const lookAgainMs = 500;

/** Codes whose message says what a person can do. */
const forPeople: ReadonlySet<RpcCode> = new Set<RpcCode>([
  'INVALID_ARGUMENT',
  'NOT_FOUND',
  'ALREADY_EXISTS',
  'FAILED_PRECONDITION',
  'RESOURCE_EXHAUSTED',
  'PERMISSION_DENIED',
  'UNAUTHENTICATED',
]);

/**
 * The coordinator's address: the option, else GAPO_COORDINATOR, else that of a `gapo up` or `gapo run` which keeps its
 * data in the default directory and still runs, else 127.0.0.1:50050.
 */
export function coordinatorAddress(option: string | undefined): string {
  return option ?? (process.env['GAPO_COORDINATOR']?.trim() || (runningCoordinator() ?? defaultCoordinator));
}

function runningCoordinator(): string | undefined {
  const state = readUpFile(fromHere(defaultDataDirectory));
  return state !== undefined && isAlive(state) ? state.coordinator : undefined;
}

/** What a new run is made from. */
export interface NewRun {
  configYaml: string;
  /** What errors call it. */
  configName: string;
  /** Where the configuration's relative paths start, absolute. */
  baseDirectory: string;
  /** Made by the coordinator where undefined. */
  id: string | undefined;
}

/** Objectives to add and to remove, and the numbers of those that result. */
export type ObjectivesChange = Pick<ChangeObjectivesRequestInput, 'add' | 'remove' | 'preference'>;

/** Calls one coordinator. Methods throw a UserError where a person can do something about it. */
export class Coordinator {
  readonly #client: Training;
  readonly #patienceMs: number;

  /**
   * @param options.patienceMs how long questions are asked again where nothing answers, as while a coordinator that died is
   *   started again; requests that change something are made once. Default 0
   */
  constructor(address: string, { patienceMs = 0 }: { patienceMs?: number } = {}) {
    this.#client = connect('gapo.training.v1.TrainingService', address);
    this.#patienceMs = patienceMs;
  }

  async createRun({ id, ...config }: NewRun, signal?: AbortSignal): Promise<Run> {
    const request = { ...config, ...(id === undefined ? {} : { runId: id }) };
    const { run } = await this.#ask(() => this.#client.CreateRun(request, { deadlineMs: startMs, signal }));
    return present(run);
  }

  async getRun(id: string): Promise<Run> {
    const { run } = await this.#askAgain(() => this.#client.GetRun({ runId: id }, { deadlineMs: quickMs }));
    return present(run);
  }

  /** Newest first. */
  async listRuns(): Promise<Run[]> {
    const { runs } = await this.#askAgain(() => this.#client.ListRuns({}, { deadlineMs: quickMs }));
    return runs;
  }

  async pauseRun(id: string): Promise<Run> {
    const { run } = await this.#ask(() => this.#client.PauseRun({ runId: id }, { deadlineMs: quickMs }));
    return present(run);
  }

  async resumeRun(id: string, signal?: AbortSignal): Promise<Run> {
    const { run } = await this.#ask(() => this.#client.ResumeRun({ runId: id }, { deadlineMs: startMs, signal }));
    return present(run);
  }

  async cancelRun(id: string): Promise<Run> {
    const { run } = await this.#ask(() => this.#client.CancelRun({ runId: id }, { deadlineMs: quickMs }));
    return present(run);
  }

  /** The run, the first step that uses the preference, and what was in force before. */
  async setPreference(
    id: string,
    preference: Record<string, number>,
    author: string,
  ): Promise<SetPreferenceResponse & { run: Run }> {
    const request = { runId: id, preference, author };
    const changed = await this.#ask(() => this.#client.SetPreference(request, { deadlineMs: quickMs }));
    return { ...changed, run: present(changed.run) };
  }

  /** Adds objectives and removes others: the run, the first step that uses them, and what was in force before. */
  async changeObjectives(
    id: string,
    change: ObjectivesChange,
    author: string,
  ): Promise<ChangeObjectivesResponse & { run: Run }> {
    const request = { ...change, runId: id, author };
    // The services of those that are added are asked what they are.
    const changed = await this.#ask(() => this.#client.ChangeObjectives(request, { deadlineMs: startMs }));
    return { ...changed, run: present(changed.run) };
  }

  /**
   * Makes a run whose policy is the weighted average of others.
   *
   * @param ingredients weights by run; their sum need not be 1
   * @param id made by the coordinator where undefined
   */
  async createSoup(ingredients: Record<string, number>, id: string | undefined, signal?: AbortSignal): Promise<Run> {
    const request = { ingredients, ...(id === undefined ? {} : { runId: id }) };
    const { run } = await this.#ask(() => this.#client.CreateSoup(request, { deadlineMs: startMs, signal }));
    return present(run);
  }

  /** The run's steps after one, then each as it happens, until the run ends; a coordinator that goes away is waited for. */
  async *watchRun(id: string, afterStep: number, signal?: AbortSignal): AsyncGenerator<WatchRunResponse> {
    let after = afterStep;
    let awaySince: number | undefined;
    for (;;) {
      try {
        for await (const message of this.#client.WatchRun(
          { runId: id, afterStep: after },
          { deadlineMs: Infinity, signal },
        )) {
          awaySince = undefined;
          if (message.step) after = message.step.step;
          yield message;
        }
        return;
      } catch (error) {
        if (signal?.aborted === true) return;
        const known = RpcError.from(error);
        awaySince ??= performance.now();
        if (known.code !== 'UNAVAILABLE' || performance.now() - awaySince > awayMs) throw this.#explain(error);
        await delay(lookAgainMs);
      }
    }
  }

  /** Progress, the report last. */
  async *evaluateRun(
    id: string,
    options: { version: number | undefined; samples: number; signal?: AbortSignal | undefined },
  ): AsyncGenerator<EvaluateRunResponse> {
    const { version, samples, signal } = options;
    const request = { runId: id, samples, ...(version === undefined ? {} : { version }) };
    try {
      yield* this.#client.EvaluateRun(request, { deadlineMs: Infinity, signal });
    } catch (error) {
      throw this.#explain(error);
    }
  }

  close(): void {
    this.#client.close();
  }

  async #ask<T>(call: () => Promise<T>): Promise<T> {
    try {
      return await call();
    } catch (error) {
      throw this.#explain(error);
    }
  }

  async #askAgain<T>(call: () => Promise<T>): Promise<T> {
    const end = performance.now() + this.#patienceMs;
    for (;;) {
      try {
        return await call();
      } catch (error) {
        if (RpcError.from(error).code !== 'UNAVAILABLE' || performance.now() >= end) throw this.#explain(error);
        await delay(lookAgainMs);
      }
    }
  }

  #explain(error: unknown): unknown {
    if (!(error instanceof RpcError)) return error;
    const { target } = this.#client;
    if (forPeople.has(error.code)) return new UserError(error.details, { cause: error });
    if (error.code === 'UNAVAILABLE') {
      return new UserError(
        `the coordinator at ${target} does not answer: ${reason(error.details)}; start it with \`gapo up\`, or give its address with --coordinator or GAPO_COORDINATOR`,
        { cause: error },
      );
    }
    if (error.code === 'DEADLINE_EXCEEDED') {
      return new UserError(
        `the coordinator at ${target} did not answer in time: see its log, coordinator.log in the data directory's logs`,
        {
          cause: error,
        },
      );
    }
    return error;
  }
}

function reason(details: string): string {
  if (details.includes('ECONNREFUSED')) return 'connection refused';
  if (/ENOTFOUND|Name resolution failed/.test(details)) return 'no host of that name';
  return details;
}

function present(run: Run | null): Run {
  if (run === null) throw new Error('the coordinator answered without a run');
  return run;
}
