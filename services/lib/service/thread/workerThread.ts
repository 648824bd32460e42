/**
 * A thread for what blocks: onnxruntime, tokenizers, patterns that backtrack. It does one task at a time, and the service's
 * own event loop stays free for health checks, streams and deadlines. A thread that dies or is ended is replaced.
 */
import type { MessagePort } from 'node:worker_threads';
import { type RpcCode, RpcError } from '@gapo/rpc';
import { Piscina } from 'piscina';

/** What a task of the thread resolves to: an error keeps its code across the threads. */
export type Outcome<T> =
  { readonly value: T } | { readonly error: { readonly code: RpcCode; readonly message: string } };

/** Runs a task of the thread, turning errors into outcomes: expected ones are the caller's, others are defects. */
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

/** What a thread's module exports: functions of one argument. */
export type ThreadTasks = Record<string, (argument: never) => Promise<Outcome<unknown>>>;

/** How a task is run. */
export interface TaskOptions {
  /** What moves to the thread instead of being copied. @default [] */
  readonly transfer?: readonly (ArrayBuffer | MessagePort)[];
  /**
   * Aborting it ends the thread in the middle of the task, and another one starts; a task that still waits is only taken
   * out of the queue. @default never
   */
  readonly endThread?: AbortSignal;
}

/** A worker thread with the tasks of type `Tasks`: each a function of one argument that the module exports. */
export class WorkerThread<Tasks extends ThreadTasks> {
  readonly #pool: Piscina;

  /** `module` is the compiled worker module; `settings` reach it as `workerData` of node:worker_threads. */
  constructor(module: URL, settings?: unknown) {
    this.#pool = new Piscina({
      filename: module.href,
      workerData: settings,
      minThreads: 1,
      maxThreads: 1,
      concurrentTasksPerWorker: 1,
      idleTimeout: Number.POSITIVE_INFINITY,
      atomics: 'disabled', // tasks await: the thread must stay reachable between them
      execArgv: [], // the process's own flags load telemetry, which lives on the main thread only
    });
  }

  /** Tasks that wait for their turn. */
  get waiting(): number {
    return this.#pool.queueSize;
  }

  /** Runs a task. Throws RpcError where the task ended with an expected error. */
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

  /** Ends the thread. Work under way is lost. */
  async close(): Promise<void> {
    await this.#pool.destroy();
  }
}
