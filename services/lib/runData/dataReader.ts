/** Reads the data of runs, encodes their prompts and decodes their completions, in child processes with limits of memory and time. */
import { RpcError } from '@gapo/rpc';
import { ProcessEndedError, UserError, WorkerProcess } from '@gapo/service';
import type * as tasks from './dataProcess.js';
import { type DataProcesses, PolicyTokenizer } from './policyTokenizer.js';
import { type RunData, unpackRunData } from './runData.js';

/** What to read. */
export type DataRequest = tasks.ReadRequest;

/** Limits of {@link DataReader}; by default those of {@link defaultDataLimits}. */
export interface DataLimits {
  /** How long the data of one run may take, in milliseconds. */
  readonly limitMs?: number;
  /** The most MiB of a process. */
  readonly memoryMiB?: number;
  /** How long it may take without reading a row, in milliseconds. */
  readonly stalledMs?: number;
}

/** The limits of a coordinator without settings of its own: fifteen minutes for a run, one without a row. */
export const defaultDataLimits = { limitMs: 900_000, memoryMiB: 1536, stalledMs: 60_000 } as const;

/** The most processes, and those of them that read data sets; more data sets wait. */
const processes = 4;
const readers = 2;
/** A step that takes longer than this starts a process to decode its completions. */
const idleMs = 60_000;
const checkMs = 250;

/** Reads the data of runs. */
export class DataReader {
  readonly #processes: DataProcesses;
  readonly #limitMs: number;
  readonly #memoryMiB: number;
  readonly #stalledMs: number;
  readonly #closing = new AbortController();

  constructor(limits: DataLimits = {}) {
    const { limitMs, memoryMiB, stalledMs } = { ...defaultDataLimits, ...limits };
    this.#limitMs = limitMs;
    this.#memoryMiB = memoryMiB;
    this.#stalledMs = stalledMs;
    this.#processes = new WorkerProcess(new URL('./dataProcess.js', import.meta.url), {
      processes,
      most: { read: readers },
      idleMs,
      memoryMiB,
    });
  }

  /**
   * Reads the data of a run.
   *
   * @param signal ends the reading
   * @throws UserError listing the first invalid rows of a file, naming the limit that was exceeded, or the file on which the
   *   process ended
   * @throws RpcError CANCELLED if the reading was ended
   */
  async read(request: DataRequest, signal?: AbortSignal): Promise<RunData> {
    const watch = new Watch(this.#limitMs, this.#stalledMs);
    const signals = [watch.signal, this.#closing.signal, ...(signal ? [signal] : [])];
    try {
      const read = await this.#processes.run('read', request, {
        endProcess: AbortSignal.any(signals),
        progress: (progress) => watch.progress(progress),
      });
      return unpackRunData(read);
    } catch (error) {
      if (watch.signal.aborted) throw watch.signal.reason;
      if (signals.some(({ aborted }) => aborted)) throw new RpcError('CANCELLED', 'the data is no longer read');
      if (error instanceof RpcError) throw new UserError(error.details, { cause: error });
      throw error instanceof ProcessEndedError ? this.#ended(error, watch.place, request) : error;
    } finally {
      watch.end();
    }
  }

  /** Returns the tokenizer of a model. */
  tokenizer(tokenizer: tasks.TokenizerSource): PolicyTokenizer {
    return new PolicyTokenizer(this.#processes, tokenizer, this.#closing.signal);
  }

  /** Ends the processes. Work in progress fails. */
  close(): void {
    this.#closing.abort();
    this.#processes.close();
  }

  #ended(error: ProcessEndedError, place: string, { tokenizer }: DataRequest): UserError {
    if (error.outOfMemory) {
      return new UserError(
        `${place}: reading the data took more than ${this.#memoryMiB} MiB of memory; use fewer or shorter rows, smaller row ` +
          'groups of Parquet, or raise DATA_MEMORY_MIB',
        { cause: error },
      );
    }
    return new UserError(
      `${place}: the process that reads it ended: ${error.message}; if the row is an ordinary one, a pattern or a component ` +
        `of ${tokenizer.directory}/tokenizer.json is damaged`,
      { cause: error },
    );
  }
}

/** Watches the limits of time of one reading, from its first progress on: until then it waits for a process. */
class Watch {
  readonly #limitMs: number;
  readonly #stalledMs: number;
  readonly #ending = new AbortController();
  #timer: NodeJS.Timeout | undefined;
  #began = 0;
  #lastAt = 0;
  #last: tasks.DataProgress | undefined;

  constructor(limitMs: number, stalledMs: number) {
    this.#limitMs = limitMs;
    this.#stalledMs = stalledMs;
  }

  /** Aborted when a limit is exceeded, with a UserError. */
  get signal(): AbortSignal {
    return this.#ending.signal;
  }

  /** The file that is read, and how far, for errors. */
  get place(): string {
    if (this.#last === undefined) return 'data';
    const { file, rows } = this.#last;
    return rows === 0 ? file : `${file} (after ${rows} rows)`;
  }

  progress(progress: tasks.DataProgress): void {
    const now = performance.now();
    if (this.#last === undefined) {
      this.#began = now;
      this.#timer = setInterval(() => this.#check(), checkMs).unref();
    }
    [this.#last, this.#lastAt] = [progress, now];
  }

  end(): void {
    clearInterval(this.#timer);
  }

  #check(): void {
    const now = performance.now();
    const why =
      now - this.#began > this.#limitMs
        ? `took longer than ${this.#limitMs / 1000} s, the limit of DATA_SECONDS; use fewer rows, or raise the limit`
        : now - this.#lastAt > this.#stalledMs
          ? `has made no progress for ${this.#stalledMs / 1000} s: a chat template, a pattern of the tokenizer or a file that does not end`
          : undefined;
    if (why !== undefined) this.#ending.abort(new UserError(`${this.place}: reading the data ${why}`));
  }
}
