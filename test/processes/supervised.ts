/** A service process that is started again whenever it ends, as Kubernetes or `gapo up` would. */
import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync, writeSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

/** How to start it. */
export interface ServiceCommand {
  readonly name: string;
  readonly program: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  /** Receives its output. */
  readonly log: string;
}

const restartMs = 300;

/** The process. */
export class Supervised {
  readonly #command: ServiceCommand;
  readonly #ended: (how: string) => void;
  #child: ChildProcess | undefined;
  #exited: Promise<string> = Promise.resolve('not started');
  #once: Readonly<Record<string, string>> = {};
  #stopping = false;
  /** Whether the present process was killed from here, or has ended. */
  #dead = true;
  /** Does work between the end of the process and its next start. */
  #between: (() => void) | undefined;

  /** @param ended called with the exit code or signal of each process that was not stopped */
  constructor(command: ServiceCommand, ended: (how: string) => void) {
    this.#command = command;
    this.#ended = ended;
  }

  start(): void {
    void this.#supervise();
  }

  /** The id of the present process; undefined before the first. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Sends a signal to the present process. Returns a function that sends another to the same process. */
  signal(signal: NodeJS.Signals): (next: NodeJS.Signals) => void {
    const child = this.#child;
    child?.kill(signal);
    return (next) => void child?.kill(next);
  }

  /**
   * Kills the present process.
   *
   * @param env additional environment of the next process alone
   * @param between called before the next process starts
   * @returns whether there was one that had not been killed before
   */
  kill(env: Readonly<Record<string, string>> = {}, between?: () => void): boolean {
    this.prepare(env);
    this.#between = between ?? this.#between;
    if (this.#dead) return false;
    this.#dead = true;
    this.signal('SIGKILL');
    return true;
  }

  /** Adds to the environment of the next process alone. */
  prepare(env: Readonly<Record<string, string>>): void {
    this.#once = { ...this.#once, ...env };
  }

  /** Ends the process for good. */
  async stop(): Promise<void> {
    this.#stopping = true;
    // A stopped process does not handle SIGTERM.
    this.signal('SIGCONT');
    this.signal('SIGTERM');
    const timer = setTimeout(() => this.signal('SIGKILL'), 20_000);
    await this.#exited;
    clearTimeout(timer);
  }

  /** Ends the process at once, for the exit handler. */
  abandon(): void {
    this.#stopping = true;
    this.signal('SIGKILL');
  }

  async #supervise(): Promise<void> {
    while (!this.#stopping) {
      this.#spawn();
      const how = await this.#exited;
      this.#dead = true;
      if (this.#stopping) return;
      this.#ended(how);
      this.#between?.();
      this.#between = undefined;
      await delay(restartMs);
    }
  }

  #spawn(): void {
    const { program, args, cwd, env, log } = this.#command;
    const output = openSync(log, 'a');
    const extra = this.#once;
    this.#once = {};
    writeSync(output, `--- started ${new Date().toISOString()} ${JSON.stringify(extra)}\n`);
    const inherited = { PATH: process.env['PATH'] ?? '', HOME: process.env['HOME'] ?? '' };
    const child = spawn(program, args, {
      cwd,
      env: { ...inherited, ...env, ...extra },
      stdio: ['ignore', output, output],
      detached: true,
    });
    closeSync(output);
    this.#child = child;
    this.#dead = false;
    this.#exited = new Promise((resolve) => {
      child.once('error', (error) => resolve(error.message));
      child.once('exit', (code, signal) => resolve(signal ?? `exit ${code}`));
    });
  }
}
