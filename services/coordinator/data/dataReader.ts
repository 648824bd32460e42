/** Reads the data of runs in threads, with limits of memory and time. */
import { RpcError } from '@gapo/rpc';
import { UserError, WorkerThread } from '@gapo/service';
import type * as tasks from './dataThread.js';
import { type RunData, unpackRunData } from './runData.js';

/** What to read. */
export type DataRequest = Omit<tasks.ReadRequest, 'rows'>;

/** Limits of {@link DataReader}. */
export interface DataLimits {
  /** How long the data of one run may take, in milliseconds. */
  readonly limitMs: number;
  /** How long it may take without reading a row, in milliseconds. @default 60 000 */
  readonly stalledMs?: number;
}

/** Runs whose data is read at the same time; others wait. */
const threads = 2;
/** Threads end some time after the last data set, and with them the memory that it took. */
const idleMs = 10_000;
/** The most megabytes of a thread's objects. Records that were read are outside of them. */
const heapMegabytes = 2048;
const checkMs = 250;

/** Reads the data of runs. */
export class DataReader {
  readonly #thread = new WorkerThread<Pick<typeof tasks, 'read'>>(
    new URL('./dataThread.js', import.meta.url),
    undefined,
    {
      threads,
      idleMs,
      heapMegabytes,
    },
  );
  readonly #limitMs: number;
  readonly #stalledMs: number;
  readonly #closing = new AbortController();

  constructor({ limitMs, stalledMs = 60_000 }: DataLimits) {
    this.#limitMs = limitMs;
    this.#stalledMs = stalledMs;
  }

  /**
   * Reads the data of a run.
   *
   * @param signal ends the reading
   * @throws UserError listing the first invalid rows of a file, or naming the limit that was exceeded
   * @throws RpcError CANCELLED if the reading was ended
   */
  async read(request: DataRequest, signal?: AbortSignal): Promise<RunData> {
    const rows = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
    const end = new AbortController();
    const watch = this.#watch(rows, end);
    const signals = [end.signal, this.#closing.signal, ...(signal ? [signal] : [])];
    try {
      const read = await this.#thread.run('read', { ...request, rows }, { endThread: AbortSignal.any(signals) });
      return unpackRunData(read);
    } catch (error) {
      throw this.#reasonOf(error, end.signal, signals, Atomics.load(rows, 0));
    } finally {
      clearInterval(watch);
    }
  }

  /** Ends the threads. Readings in progress fail. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#thread.close();
  }

  /** Ends a reading that exceeds a limit. A reading that waits for a thread makes no progress and is not watched. */
  #watch(rows: Int32Array, end: AbortController): NodeJS.Timeout {
    const began = performance.now();
    let [last, lastAt] = [0, began];
    return setInterval(() => {
      const now = performance.now();
      const read = Atomics.load(rows, 0);
      if (read !== last) [last, lastAt] = [read, now];
      const why =
        now - began > this.#limitMs
          ? `took longer than ${this.#limitMs / 1000} s, the limit of DATA_SECONDS; use fewer rows, or raise the limit`
          : now - lastAt > this.#stalledMs
            ? `stands still for ${this.#stalledMs / 1000} s: a chat template that does not end, or a file that does not`
            : undefined;
      if (why !== undefined) end.abort(new UserError(`reading the data ${why} (after ${read} rows)`));
    }, checkMs).unref();
  }

  #reasonOf(error: unknown, limit: AbortSignal, signals: readonly AbortSignal[], rows: number): unknown {
    if (limit.aborted) return limit.reason;
    if (signals.some(({ aborted }) => aborted)) return new RpcError('CANCELLED', 'the data is no longer read');
    if (error instanceof RpcError) return new UserError(error.details, { cause: error });
    if ((error as NodeJS.ErrnoException).code === 'ERR_WORKER_OUT_OF_MEMORY') {
      return new UserError(
        `reading the data took more than ${heapMegabytes} MiB of memory (after ${rows} rows); use shorter rows, or smaller row groups of Parquet`,
        { cause: error },
      );
    }
    return error;
  }
}
