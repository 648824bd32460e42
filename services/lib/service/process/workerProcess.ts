/**
 * Child processes for work that can kill its process: native libraries that abort, or running out of memory. They run the
 * tasks of a module like a {@link WorkerThread}, one at a time each. A process that ends fails only its own task.
 */
import { RpcError } from '@gapo/rpc';
import type { Outcome, ThreadTasks } from '../thread/workerThread.js';
import { ChildProcess } from './childProcess.js';

export { ProcessEndedError } from './childProcess.js';

/** Options of a {@link WorkerProcess}. */
export interface ProcessOptions {
  /** Maximum number of processes, each with one task at a time. @default 1 */
  readonly processes?: number;
  /**
   * Maximum number of concurrent tasks by name. Others wait, and tasks of other names may overtake them. @default `processes`
   */
  readonly most?: Readonly<Record<string, number>>;
  /** Milliseconds after which an idle process ends. */
  readonly idleMs: number;
  /**
   * Memory limit of a process in MiB, including its native libraries. A task that needs more ends its process. Linux only.
   */
  readonly memoryMiB: number;
}

/** Options of {@link WorkerProcess.run}. */
export interface ProcessTaskOptions<Progress> {
  /** Aborting it ends the process in the middle of the task; a queued task is only removed from the queue. @default never */
  readonly endProcess?: AbortSignal;
  /** Receives what the task reports with `reportProgress`. */
  readonly progress?: (progress: Progress) => void;
}

interface Waiting {
  readonly name: string;
  readonly start: (child: ChildProcess) => Promise<void>;
}

/** One child process, or a few, which run the tasks of their module. */
export class WorkerProcess<Tasks extends ThreadTasks, Progress = never> {
  readonly #module: URL;
  readonly #options: ProcessOptions;
  readonly #waiting = new Set<Waiting>();
  readonly #running = new Map<string, number>();
  /** The last used process is at the end and is used next. */
  readonly #idle: ChildProcess[] = [];
  readonly #children = new Set<ChildProcess>();

  /** @param module the compiled module of the tasks */
  constructor(module: URL, options: ProcessOptions) {
    this.#module = module;
    this.#options = options;
  }

  /**
   * Runs a task.
   *
   * @throws RpcError if the task ended with an expected error
   * @throws ProcessEndedError if the process ended
   */
  async run<Name extends keyof Tasks & string>(
    name: Name,
    argument: Parameters<Tasks[Name]>[0],
    { endProcess, progress }: ProcessTaskOptions<Progress> = {},
  ): Promise<Awaited<ReturnType<Tasks[Name]>> extends Outcome<infer T> ? T : never> {
    endProcess?.throwIfAborted();
    const result = await new Promise<Outcome<unknown>>((resolve, reject) => {
      let ending: ChildProcess | undefined;
      const end = (): void => {
        this.#waiting.delete(task);
        ending?.end();
        reject(endProcess?.reason as Error);
      };
      const task: Waiting = {
        name,
        start: async (child) => {
          ending = child;
          await child.run(name, argument, progress as ((value: unknown) => void) | undefined).then(resolve, reject);
          endProcess?.removeEventListener('abort', end);
        },
      };
      endProcess?.addEventListener('abort', end, { once: true });
      this.#waiting.add(task);
      this.#startWaiting();
    });
    if ('error' in result) throw new RpcError(result.error.code, result.error.message);
    return result.value as never;
  }

  /** Ends the processes. Work in progress is lost. */
  close(): void {
    for (const child of this.#children) child.end();
  }

  #startWaiting(): void {
    const { processes = 1, most = {} } = this.#options;
    for (const task of this.#waiting) {
      const running = this.#running.get(task.name) ?? 0;
      if (running >= (most[task.name] ?? processes)) continue;
      const child = this.#idle.pop() ?? (this.#children.size < processes ? this.#fork() : undefined);
      if (child === undefined) return;
      this.#waiting.delete(task);
      this.#running.set(task.name, running + 1);
      void task.start(child).then(() => {
        this.#running.set(task.name, (this.#running.get(task.name) ?? 1) - 1);
        if (this.#children.has(child)) this.#idle.push(child);
        this.#startWaiting();
      });
    }
  }

  #fork(): ChildProcess {
    const child = new ChildProcess(this.#module, this.#options, () => {
      this.#children.delete(child);
      const place = this.#idle.indexOf(child);
      if (place >= 0) this.#idle.splice(place, 1);
    });
    this.#children.add(child);
    return child;
  }
}
