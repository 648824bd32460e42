/**
 * A worker thread for blocking work: onnxruntime, tokenizers, patterns that backtrack, files. It runs one task at a time, and
 * the service's event loop stays free for health checks, streams and deadlines. A thread that dies or is terminated is
 * replaced.
 */
import type { MessagePort } from 'node:worker_threads';
import { type RpcCode, RpcError } from '@gapo/rpc';
import { Piscina } from 'piscina';

/** The result of a task: an error keeps its code across threads. */
export type Outcome<T> =
  { readonly value: T } | { readonly error: { readonly code: RpcCode; readonly message: string } };

/** Runs a task in the thread and turns expected errors into outcomes. Other errors are bugs and are thrown. */
export async function outcome<T>(task: () => Promise<T>): Promise<Outcome<T>> {
  try {
    return { value: await task() };
  } catch (error) {
    if (error instanceof RangeError) return { error: { code: 'INVALID_ARGUMENT', message: error.message } };
    if (error instanceof Error && 'expected' in error)
      return { error: { code: 'FAILED_PRECONDITION', message: error.message } };
    throw error;
  }
}

/** The exports of a thread's module: functions of one argument. */
export type ThreadTasks = Record<string, (argument: never) => Promise<Outcome<unknown>>>;

/** Options of {@link WorkerThread.run}. */
export interface TaskOptions {
  /** Objects that are transferred to the thread instead of copied. @default [] */
  readonly transfer?: readonly (ArrayBuffer | MessagePort)[];
  /**
   * Aborting it ends the thread in the middle of the task, and another one starts; a queued task is only removed from the
   * queue. @default never
   */
  readonly endThread?: AbortSignal;
}

/** A worker thread, which runs the tasks of its module. */
export class WorkerThread<Tasks extends ThreadTasks> {
  readonly #pool: Piscina;

  /**
   * @param module the compiled worker module
   * @param settings its `workerData` of node:worker_threads
   */
  constructor(module: URL, settings?: unknown) {
    this.#pool = new Piscina({
      filename: module.href,
      workerData: settings,
      minThreads: 1,
      maxThreads: 1,
      concurrentTasksPerWorker: 1,
      idleTimeout: Number.POSITIVE_INFINITY,
      atomics: 'disabled', // tasks await, so the thread must stay reachable in the meantime
      execArgv: [], // the process's own flags load telemetry, which is for the main thread only
    });
  }

  /** The number of queued tasks. */
  get waiting(): number {
    return this.#pool.queueSize;
  }

  /**
   * Runs a task.
   *
   * @throws RpcError if the task ended with an expected error
   */
  async run<Name extends keyof Tasks & string>(
    name: Name,
    argument: Parameters<Tasks[Name]>[0],
    { transfer = [], endThread }: TaskOptions = {},
  ): Promise<Awaited<ReturnType<Tasks[Name]>> extends Outcome<infer T> ? T : never> {
    const options = { name, transferList: [...transfer] as never, signal: endThread ?? null };
    const result = (await this.#pool.run(argument, options)) as Outcome<unknown>;
    if ('error' in result) throw new RpcError(result.error.code, result.error.message);
    return result.value as never;
  }

  /** Ends the thread. Work in progress is lost. */
  async close(): Promise<void> {
    await this.#pool.destroy();
  }
}
