/** One service as a child process: started, waited for, started again when it dies, stopped. */
import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { checkHealth } from '@gapo/rpc';
import { UserError } from '@gapo/service';
import { preloadModule, projectRoot, serviceScript } from '../project.js';
import { Backoff } from './backoff.js';
import { newLogFile, type LogFile } from './logFile.js';
import type { ServiceSpec } from './plan.js';

/** A service may load models before it answers, on a machine that is busy with something else. */
const readyTimeoutMs = 120_000;
/** Longer than what services allow themselves: the coordinator 15 s for the step in progress and 15 s for the rest, all of them some more for traces. */
const stopTimeoutMs = 40_000;
const [lookMs, probeMs] = [50, 2000];
const shownLogLines = 5;

/** Told of what happens to services. */
export interface ServiceObserver {
  /** Something a person should know, in one line or a few. */
  say(text: string): void;
  /** A service has another process id. */
  changed(): void;
}

/** What a running service is to others. */
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
  #ended: Promise<string> = Promise.resolve('it was not started');

  constructor(spec: ServiceSpec, logDirectory: string, observer: ServiceObserver) {
    this.spec = spec;
    this.#log = newLogFile(logDirectory, spec.name);
    this.#observer = observer;
  }

  /** The row of tables and of the state file. */
  get row(): ServiceRow {
    const { name, does, address } = this.spec;
    return { name, does, address, pid: this.#child?.pid, log: this.#log.path };
  }

  /**
   * Starts the process and waits until it is ready; from then on it is started again whenever it dies.
   *
   * @throws UserError with the end of its log where it dies or is not ready in time
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

  /** Asks it to end and waits; ends it by force when it takes too long, at once where `hard`. */
  async stop(hard = false): Promise<void> {
    this.#stopping.abort();
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    child.kill(hard ? 'SIGKILL' : 'SIGTERM');
    const timer = setTimeout(() => {
      this.#observer.say(`${this.spec.name} did not stop within ${stopTimeoutMs / 1000} s and is ended by force`);
      child.kill('SIGKILL');
    }, stopTimeoutMs);
    await this.#ended;
    clearTimeout(timer);
  }

  /** Ends it by force, without waiting: for the last moment of this process. */
  kill(): void {
    this.#stopping.abort();
    this.#child?.kill('SIGKILL');
  }

  #spawn(): void {
    const output = this.#log.open();
    try {
      const child = spawn(process.execPath, ['--import', preloadModule, serviceScript(this.spec.folder)], {
        cwd: projectRoot,
        env: { ...process.env, ...this.spec.env },
        stdio: ['ignore', output, output],
        // Its own group: a terminal's Ctrl-C reaches this process alone, which then ends the services in order.
        detached: true,
      });
      this.#child = child;
      this.#ended = new Promise((resolve) => {
        child.once('error', (error) => resolve(`it cannot be run (${error.message})`));
        child.once('exit', (code, killed) =>
          resolve(killed === null ? `it ended with code ${code}` : `it was ended by ${killed}`),
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
      await delay(lookMs, undefined, { signal });
    }
    throw new UserError(this.#failure(`it was not ready within ${readyTimeoutMs / 1000} s`));
  }

  async #answers(): Promise<boolean> {
    const { address, health } = this.spec;
    try {
      if (health === 'grpc') return (await checkHealth(address, probeMs)) === 'SERVING';
      const response = await fetch(`http://${address}/healthz`, { signal: AbortSignal.timeout(probeMs) });
      await response.arrayBuffer();
      return response.ok;
    } catch {
      return false;
    }
  }

  #failure(how: string): string {
    const said = this.#log.tail(shownLogLines).map((line) => `\n  ${line}`);
    const last = said.length === 0 ? '; its log is empty' : `; the end of ${this.#log.path}:${said.join('')}`;
    return `${this.spec.name} at ${this.spec.address} did not start: ${how}${last}`;
  }

  async #supervise(startedAt: number): Promise<void> {
    const { signal } = this.#stopping;
    let since = startedAt;
    for (;;) {
      const how = await this.#ended;
      if (signal.aborted) return;
      const pause = this.#backoff.next(performance.now() - since);
      const last = this.#log.tail(1).map((line) => `, last said "${line}"`);
      this.#observer.say(
        `${this.spec.name}: ${how}${last.join('')}; starting it again in ${pause / 1000} s (log: ${this.#log.path})`,
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
