/** Copies the logs of all runs to the stream in the background, through outages of any length. */
import { messageOf, settlesWithin } from '@gapo/rpc';
import { NatsError } from 'nats';
import type { ConnectionWatch } from '../connectionWatch.js';
import { EventError } from '../eventError.js';
import { permissionError } from '../permissions.js';
import { isOvertaken, type CopyTarget, type RunCopy } from './runCopy.js';

/** Collaborators of the copying. */
export interface StreamCopyOptions {
  readonly watch: ConnectionWatch;
  /** Called while connected. */
  readonly target: () => CopyTarget;
  /** The server, without credentials. */
  readonly url: string;
  /** Recreates the stream if the server has lost it. */
  readonly repairStream: () => Promise<void>;
  readonly signal: AbortSignal;
  readonly onError: (error: EventError) => void;
}

/** Number of runs copied concurrently. */
const mostActive = 4;

/** The server has no such stream. */
const noStreamCode = 10059;

/** Copies any number of runs, a few at a time. */
export class StreamCopy {
  readonly #options: StreamCopyOptions;
  readonly #runs = new Set<RunCopy>();
  /** Runs that may have events to send, longest waiting first. */
  readonly #waiting = new Set<RunCopy>();
  readonly #busy = new Set<RunCopy>();
  readonly #listeners = new Set<() => void>();
  #active = 0;
  #failures = 0;
  #said = '';

  constructor(options: StreamCopyOptions) {
    this.#options = options;
    const unlisten = options.watch.onChange(() => {
      if (options.watch.connected) this.#doubtAll();
    });
    options.signal.addEventListener('abort', unlisten, { once: true });
  }

  /** Copies a run from now on. */
  add(run: RunCopy): void {
    this.#runs.add(run);
    this.wake(run);
  }

  /** Stops copying a run. */
  remove(run: RunCopy): void {
    this.#runs.delete(run);
    this.#waiting.delete(run);
  }

  /** Sends the new events of a run soon. */
  wake(run: RunCopy): void {
    if (!this.#runs.has(run)) return;
    this.#waiting.add(run);
    if (this.#active >= mostActive) return;
    this.#active += 1;
    void this.#work();
  }

  /** Waits until the stream has every event of the given runs, or of all. Returns false if that takes longer. */
  async flush(timeoutMs: number, runs: ReadonlySet<RunCopy> = this.#runs): Promise<boolean> {
    const isDone = (): boolean => [...runs].every((run) => !this.#waiting.has(run) && !this.#busy.has(run));
    if (isDone()) return true;
    let listener = (): void => undefined;
    const done = new Promise<void>((resolve) => {
      listener = () => {
        if (isDone()) resolve();
      };
    });
    this.#listeners.add(listener);
    try {
      return await settlesWithin(done, timeoutMs);
    } finally {
      this.#listeners.delete(listener);
    }
  }

  /** The server may be a different one, or may have lost or gained events. */
  #doubtAll(): void {
    for (const run of this.#runs) {
      run.doubt();
      this.wake(run);
    }
  }

  async #work(): Promise<void> {
    const { watch, signal } = this.#options;
    // Deferred, so that the caller continues first.
    await Promise.resolve();
    for (;;) {
      await watch.whenConnected(signal);
      const run = [...this.#waiting].find((each) => !this.#busy.has(each));
      if (signal.aborted || run === undefined) {
        this.#active -= 1;
        return;
      }
      this.#waiting.delete(run);
      this.#busy.add(run);
      let failed = false;
      try {
        if (await run.advance(this.#options.target())) this.wake(run);
        this.#failures = 0;
        this.#said = '';
      } catch (error) {
        failed = true;
        this.wake(run);
        if (!signal.aborted) await this.#afterFailure(error);
      } finally {
        this.#busy.delete(run);
        for (const listener of [...this.#listeners]) listener();
      }
      if (failed) await watch.beforeRetry(this.#failures++, signal);
    }
  }

  async #afterFailure(error: unknown): Promise<void> {
    const { watch, onError, repairStream, url, target } = this.#options;
    // The connection watch reports a lost connection. Asking the stream again reveals another publisher.
    if (!watch.connected || (isOvertaken(error) && this.#failures === 0)) return;
    const problem = permissionError(error, url, target().stream)?.message ?? messageOf(error);
    const message = `events are not published yet, and stay in the runs' logs: ${problem}`;
    if (message !== this.#said) onError(new EventError('retrying', message, error));
    this.#said = message;
    if (!isStreamMissing(error)) return;
    try {
      await repairStream();
      this.#doubtAll();
    } catch (cause) {
      if (watch.connected) onError(new EventError('connection', messageOf(cause), cause));
    }
  }
}

function isStreamMissing(error: unknown): boolean {
  if (!(error instanceof NatsError)) return false;
  return error.code === '503' || error.api_error?.err_code === noStreamCode;
}
