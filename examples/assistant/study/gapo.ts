/** The command `gapo` as a child process: services that stay up, and calls that answer in JSON. */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { projectRoot, StudyError } from './settings.js';

const script = join(projectRoot, 'services/cli/dist/main.js');

/** Lines of stderr that an error shows. */
const shownLines = 6;

/** A call of `gapo` that did not end well. */
export class GapoError extends StudyError {}

/**
 * Starts `gapo`. In a process group of its own: a terminal's Ctrl-C reaches the study alone, which ends what it started.
 */
function start(args: readonly string[]): ChildProcess {
  return spawn(process.execPath, [script, ...args], {
    cwd: projectRoot,
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
}

/** Services that run. */
export class Services {
  /** The coordinator's address. */
  readonly coordinator: string;
  readonly #child: ChildProcess;
  readonly #ended: Promise<void>;
  readonly #calls = new Set<ChildProcess>();

  private constructor(coordinator: string, child: ChildProcess, ended: Promise<void>) {
    this.coordinator = coordinator;
    this.#child = child;
    this.#ended = ended;
  }

  /**
   * Starts the example's services with `gapo up`, or uses those that run for this data directory already.
   *
   * @throws GapoError where they do not come up
   */
  static async start(data: string): Promise<Services> {
    mkdirSync(data, { recursive: true });
    const child = start(['up', '--json', '--data', data, '--port-base', '0', '--http-port', '0']);
    const said: string[] = [];
    if (child.stderr) createInterface({ input: child.stderr }).on('line', (line) => said.push(line));
    const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
    const state = await new Promise<unknown>((resolve, reject) => {
      if (child.stdout) {
        createInterface({ input: child.stdout }).once('line', (line) => resolve(JSON.parse(line)));
      }
      void ended.then(() => reject(new GapoError(`gapo up: ${said.slice(-shownLines).join('\n')}`)));
    });
    const { coordinator } = state as { coordinator: string };
    return new Services(coordinator, child, ended);
  }

  /**
   * Calls a command with --json.
   *
   * @param onLine told of every line of stdout, parsed
   * @returns the last line, parsed
   * @throws GapoError with the end of its stderr where it does not exit with 0
   */
  async call(args: readonly string[], onLine?: (value: unknown) => void): Promise<unknown> {
    const child = start([...args, '--coordinator', this.coordinator, '--json']);
    this.#calls.add(child);
    const said: string[] = [];
    let last: unknown;
    if (child.stderr) createInterface({ input: child.stderr }).on('line', (line) => said.push(line));
    if (child.stdout) {
      createInterface({ input: child.stdout }).on('line', (line) => {
        last = JSON.parse(line);
        onLine?.(last);
      });
    }
    const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
    this.#calls.delete(child);
    if (code !== 0) throw new GapoError(`gapo ${args.join(' ')}: ${said.slice(-shownLines).join('\n')}`);
    return last;
  }

  /** Ends calls in progress and the services; a run in progress is paused by that, and can be gone on with. */
  async stop(): Promise<void> {
    for (const call of this.#calls) call.kill('SIGTERM');
    if (this.#child.exitCode === null && this.#child.signalCode === null) this.#child.kill('SIGTERM');
    await this.#ended;
  }
}

/** Calls a command that needs no services. Returns its last line, parsed. */
export async function callAlone(args: readonly string[]): Promise<unknown> {
  const child = start([...args, '--json']);
  const text = { stdout: '', stderr: '' };
  child.stdout?.on('data', (chunk: Buffer) => (text.stdout += chunk.toString('utf8')));
  child.stderr?.on('data', (chunk: Buffer) => (text.stderr += chunk.toString('utf8')));
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  if (code !== 0) throw new GapoError(`gapo ${args.join(' ')}: ${text.stderr}`);
  return JSON.parse(text.stdout.trimEnd().split('\n').at(-1) ?? 'null');
}
