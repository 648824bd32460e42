/** The one worker thread of a scorer: tasks wait in a short queue, and a thread that dies or is ended is replaced. */
import { fileURLToPath } from 'node:url';
import { RpcError } from '@gapo/rpc';
import { Piscina } from 'piscina';

/** Calls that wait for the thread before more are refused. A call holds at most one batch, so this bounds the memory. */
const longestQueue = 64;

/** A worker thread that answers tasks one after the other. */
export class ScoringThread<Task, Answer> {
  private readonly pool: Piscina<Task, Answer>;

  /**
   * @param module the thread's module; its default export is an async function from a task to an answer.
   * @param workerData what the module reads as piscina's `workerData`.
   */
  constructor(module: URL, workerData: unknown) {
    this.pool = new Piscina<Task, Answer>({
      filename: fileURLToPath(module),
      minThreads: 1,
      maxThreads: 1,
      maxQueue: longestQueue,
      workerData,
      // The process's own flags load telemetry, which lives on the main thread only.
      execArgv: [],
    });
  }

  /**
   * Runs a task.
   * @param endThread aborting it ends the thread in the middle of the task and starts another one; a task that still
   *   waits is only taken out of the queue.
   * @throws RpcError RESOURCE_EXHAUSTED where the queue is full.
   */
  async run(task: Task, endThread?: AbortSignal): Promise<Answer> {
    if (this.pool.queueSize >= longestQueue) {
      throw new RpcError(
        'RESOURCE_EXHAUSTED',
        `${longestQueue} calls wait already; call again later, or run more replicas of this service`,
      );
    }
    return this.pool.run(task, { signal: endThread ?? null });
  }

  /** Ends the thread. */
  async close(): Promise<void> {
    await this.pool.destroy();
  }
}
