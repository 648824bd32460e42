/** Supervises one service as a child process: starts it, waits until it is ready, restarts it, stops it. */
import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { checkHealth } from '@gapo/rpc';
import { UserError } from '@gapo/service';
import { preloadModule, projectRoot, serviceScript } from '../project.js';
import { Backoff } from './backoff.js';
import { newLogFile, type LogFile } from './logFile.js';
import type { ServiceSpec } from './plan.js';

/** Generous, because a service may load models on a busy machine before it is ready. */
const readyTimeoutMs = 120_000;
/** Longer than any graceful shutdown: the coordinator takes up to 30 s, and traces are flushed after that. */
const stopTimeoutMs = 40_000;
const [pollMs, probeMs] = [50, 2000];
const shownLogLines = 5;

/** Observes the services. */
export interface ServiceObserver {
  /** Reports a message for the user, of one or a few lines. */
  say(text: string): void;
  /** Reports that a process id has changed. */
  changed(): void;
}

/** A row of the services table and the state file. */
export interface ServiceRow {
  name: string;
  does: string;
  address: string;
  pid: number | undefined;
  log: string | undefined;
}

/** A service process under supervision. */
export class ChildService {
  readonly spec: ServiceSpec;
  readonly #log: LogFile;
  readonly #observer: ServiceObserver;
  readonly #backoff = new Backoff();
  readonly #stopping = new AbortController();
  #child: ChildProcess | undefined;
  #ended: Promise<string> = Promise.resolve('not started');

  constructor(spec: ServiceSpec, logDirectory: string, observer: ServiceObserver) {
    this.spec = spec;
    this.#log = newLogFile(logDirectory, spec.name);
    this.#observer = observer;
  }

  /** The service's current row. */
  get row(): ServiceRow {
    const { name, does, address } = this.spec;
    return { name, does, address, pid: this.#child?.pid, log: this.#log.path };
  }

  /**
   * Starts the process and waits until it is ready. From then on it is restarted whenever it exits.
   *
   * @throws UserError with the end of its log if it exits or is not ready in time
   */
  async start(signal: AbortSignal): Promise<void> {
    const startedAt = performance.now();
    this.#spawn();
    const over = new AbortController();
    const died = this.#ended.then((how) => {
      throw new UserError(this.#failure(how));
    });
    died.catch(() => undefined);
    try {
      await Promise.race([this.#ready(AbortSignal.any([signal, over.signal])), died]);
    } finally {
      over.abort();
    }
    void this.#supervise(startedAt);
  }

  /** Stops the process and waits for its exit. Kills it after a timeout, or immediately if `hard`. */
  async stop(hard = false): Promise<void> {
    this.#stopping.abort();
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    child.kill(hard ? 'SIGKILL' : 'SIGTERM');
    const timer = setTimeout(() => {
      this.#observer.say(`${this.spec.name} did not stop within ${stopTimeoutMs / 1000} s; killing it`);
      child.kill('SIGKILL');
    }, stopTimeoutMs);
    await this.#ended;
    clearTimeout(timer);
  }

  /** Kills the process without waiting, for the exit handler of this process. */
  kill(): void {
    this.#stopping.abort();
    this.#child?.kill('SIGKILL');
  }

  #spawn(): void {
    const output = this.#log.open();
    try {
      const { folder, program } = this.spec;
      const own = program === undefined ? ['--import', preloadModule, serviceScript(folder)] : [];
      const child = spawn(program ?? process.execPath, own, {
        cwd: projectRoot,
        env: { ...process.env, ...this.spec.env },
        stdio: ['ignore', output, output],
        // A separate process group, so that Ctrl-C reaches only this process, which then stops the services in order.
        detached: true,
      });
      this.#child = child;
      this.#ended = new Promise((resolve) => {
        child.once('error', (error) => resolve(`it could not be started (${error.message})`));
        child.once('exit', (code, killed) =>
          resolve(killed === null ? `exited with code ${code}` : `killed by ${killed}`),
        );
      });
    } finally {
      closeSync(output);
    }
  }

  async #ready(signal: AbortSignal): Promise<void> {
    const deadline = performance.now() + readyTimeoutMs;
    while (performance.now() < deadline) {
      signal.throwIfAborted();
      if (await this.#answers()) return;
      await delay(pollMs, undefined, { signal });
    }
    throw new UserError(this.#failure(`not ready within ${readyTimeoutMs / 1000} s`));
  }

  async #answers(): Promise<boolean> {
    try {
      return (await checkHealth(this.spec.health, probeMs)) === 'SERVING';
    } catch {
      return false;
    }
  }

  #failure(how: string): string {
    const lines = this.#log.tail(shownLogLines).map((line) => `\n  ${line}`);
    const last = lines.length === 0 ? '; its log is empty' : `; the end of ${this.#log.path}:${lines.join('')}`;
    return `${this.spec.name} at ${this.spec.address} did not start: ${how}${last}`;
  }

  async #supervise(startedAt: number): Promise<void> {
    const { signal } = this.#stopping;
    let since = startedAt;
    for (;;) {
      const how = await this.#ended;
      if (signal.aborted) return;
      const pause = this.#backoff.next(performance.now() - since);
      const last = this.#log.tail(1).map((line) => `, last log line "${line}"`);
      this.#observer.say(
        `${this.spec.name}: ${how}${last.join('')}; restarting in ${pause / 1000} s (log: ${this.#log.path})`,
      );
      try {
        await delay(pause, undefined, { signal });
      } catch {
        return;
      }
      since = performance.now();
      this.#spawn();
      this.#observer.changed();
    }
  }
}
