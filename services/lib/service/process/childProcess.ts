/** A child process that runs one task at a time within a memory limit. */
import { fork, type ChildProcess as NodeProcess } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { Outcome } from '../thread/workerThread.js';
import type { FromChild, ToChild } from './messages.js';

const entry = fileURLToPath(new URL('./taskProcess.js', import.meta.url));

/** Maximum number of characters of stderr to keep. */
const keptText = 1 << 14;
/** Interval at which the memory of a busy process is measured. */
const memoryMs = 100;
const pageBytes = 4096;

/** A process ended before finishing its task. */
export class ProcessEndedError extends Error {
  /** Whether it needed more memory than its limit. */
  readonly outOfMemory: boolean;

  /** @param message why it ended, as a clause */
  constructor(message: string, outOfMemory = false) {
    super(message);
    this.outOfMemory = outOfMemory;
  }
}

/** Limits of a process. */
export interface ChildLimits {
  readonly idleMs: number;
  readonly memoryMiB: number;
}

/** The task in progress. */
interface Task {
  readonly resolve: (result: Outcome<unknown>) => void;
  readonly reject: (error: Error) => void;
  readonly progress: ((value: unknown) => void) | undefined;
}

export class ChildProcess {
  readonly #process: NodeProcess;
  readonly #memoryMiB: number;
  readonly #idleMs: number;
  readonly #onEnd: () => void;
  #idle: NodeJS.Timeout | undefined;
  #memory: NodeJS.Timeout | undefined;
  #task: Task | undefined;
  #text = '';
  #exceeded = false;

  /** @param onEnd called when the process takes no more tasks, possibly more than once */
  constructor(module: URL, { idleMs, memoryMiB }: ChildLimits, onEnd: () => void) {
    this.#memoryMiB = memoryMiB;
    this.#idleMs = idleMs;
    this.#onEnd = onEnd;
    this.#process = fork(entry, [module.href], {
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      execArgv: [`--max-old-space-size=${memoryMiB}`], // not the process's own flags, which load telemetry
      env: { ...process.env, NODE_OPTIONS: '', RUST_BACKTRACE: '0' },
    });
    const ended = (why: string): void => {
      clearTimeout(this.#idle);
      onEnd();
      this.#finish()?.reject(this.#endedError(why));
    };
    this.#process.stderr?.on(
      'data',
      (text: Buffer) => (this.#text = (this.#text + text.toString()).slice(0, keptText)),
    );
    this.#process.on('message', (message) => this.#receive(message as FromChild));
    this.#process.on('error', (error) => ended(error.message));
    // Emitted once its streams have ended, so that its final output has been read.
    this.#process.on('close', (code, signal) => ended(signal ?? `exit code ${code}`));
    this.#rest();
  }

  /**
   * Runs a task. Another one must not be in progress.
   *
   * @throws ProcessEndedError if the process ends
   */
  run(name: string, argument: unknown, progress?: (value: unknown) => void): Promise<Outcome<unknown>> {
    return new Promise((resolve, reject) => {
      this.#task = { resolve, reject, progress };
      clearTimeout(this.#idle);
      this.#reference(true);
      this.#memory = setInterval(() => void this.#measure(), memoryMs).unref();
      this.#process.send({ name, argument } satisfies ToChild, (error) => {
        if (error === null) return;
        // The process has ended, or it cannot be reached. 'close' follows, and rejects the task with the reason.
        this.#onEnd();
        this.end();
      });
    });
  }

  /** Ends the process. */
  end(): void {
    this.#process.kill('SIGKILL');
  }

  #receive(message: FromChild): void {
    if ('progress' in message) return this.#task?.progress?.(message.progress);
    const task = this.#finish();
    if ('defect' in message) task?.reject(message.defect);
    else task?.resolve(message.result);
    this.#rest();
  }

  /** Waits some time for the next task, without keeping this process alive. */
  #rest(): void {
    this.#reference(false);
    this.#idle = setTimeout(() => {
      this.#onEnd();
      this.end();
    }, this.#idleMs).unref();
  }

  #finish(): Task | undefined {
    clearInterval(this.#memory);
    const task = this.#task;
    this.#task = undefined;
    return task;
  }

  /** Ends the process if it exceeds its limit. */
  async #measure(): Promise<void> {
    const statm = await readFile(`/proc/${this.#process.pid}/statm`, 'utf8').catch(() => '');
    const pages = Number(statm.split(' ')[1] ?? 0);
    if (pages * pageBytes <= this.#memoryMiB * 2 ** 20) return;
    this.#exceeded = true;
    this.end();
  }

  #endedError(why: string): ProcessEndedError {
    const memory = `it needed more than ${this.#memoryMiB} MiB of memory`;
    if (this.#exceeded || this.#text.includes('heap out of memory')) return new ProcessEndedError(memory, true);
    const panic = /panicked at [^\n]*\n([^\n]+)/.exec(this.#text)?.[1];
    return new ProcessEndedError(panic === undefined ? why : `${panic} (${why})`);
  }

  /** Sets whether the child keeps this process alive. */
  #reference(keep: boolean): void {
    const { channel, stderr } = this.#process;
    const handles = [this.#process, channel, stderr as { ref?: () => void; unref?: () => void } | null];
    for (const handle of handles) {
      if (keep) handle?.ref?.();
      else handle?.unref?.();
    }
  }
}
