/**
 * The thread that runs tensors. Onnxruntime blocks the thread it is called on, so every service calls it in one worker
 * thread, one task at a time, and its own event loop stays free for health checks, streams and deadlines.
 */
import type { MessagePort } from 'node:worker_threads';
import { Piscina, workerData } from 'piscina';
import { type RpcCode, RpcError } from '@gapo/rpc';
import type { ModelPlaces } from './models.js';

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

/** What the thread was started with; for the modules that run in one. */
export function threadSettings(): TensorThreadSettings {
  return workerData as TensorThreadSettings;
}

/** What a thread's module exports: functions of one argument. */
export type TensorTasks = Record<string, (argument: never) => Promise<Outcome<unknown>>>;

/** What the thread of a worker is started with, as `workerData`. */
export interface TensorThreadSettings extends ModelPlaces {
  readonly threads: number;
  readonly device: 'cpu' | 'cuda';
  /** The values of the worker's own settings, by variable. */
  readonly own: Readonly<Record<string, unknown>>;
}

/** A worker thread with the tasks of type `Tasks`: each a function of one argument that the module exports. */
export class TensorThread<Tasks extends TensorTasks, Settings extends object = TensorThreadSettings> {
  private readonly pool: Piscina;

  /** `module` is the compiled worker module; `settings` reach it as `workerData`. */
  constructor(module: URL, settings: Settings) {
    this.pool = new Piscina({
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

  /** Runs a task. Throws RpcError where the task ended with an expected error. */
  async run<Name extends keyof Tasks & string>(
    name: Name,
    argument: Parameters<Tasks[Name]>[0],
    transfer: readonly (ArrayBuffer | MessagePort)[] = [],
  ): Promise<Awaited<ReturnType<Tasks[Name]>> extends Outcome<infer T> ? T : never> {
    const result = (await this.pool.run(argument, { name, transferList: [...transfer] as never })) as Outcome<unknown>;
    if ('error' in result) throw new RpcError(result.error.code, result.error.message);
    return result.value as never;
  }

  /** Ends the thread. Work under way is lost. */
  async close(): Promise<void> {
    await this.pool.destroy();
  }
}
