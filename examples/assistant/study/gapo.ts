/** Runs `gapo` as a child process: long-running services, and commands with JSON output. */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { projectRoot, StudyError } from './settings.js';

const script = join(projectRoot, 'services/cli/dist/main.js');

/** Lines of stderr that an error shows. */
const shownLines = 6;

/** A failed `gapo` command. */
export class GapoError extends StudyError {}

/**
 * Starts `gapo` in a process group of its own, so that Ctrl-C reaches only the study, which then stops its children.
 */
function start(args: readonly string[]): ChildProcess {
  return spawn(process.execPath, [script, ...args], {
    cwd: projectRoot,
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
}

/** The running services. */
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
   * Starts the example's services with `gapo up`, or uses those that are running for this data directory.
   *
   * @throws GapoError if they fail to start
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
   * Runs a command with --json.
   *
   * @param onLine observes every line of stdout, parsed
   * @returns the last line, parsed
   * @throws GapoError with the end of its stderr if it does not exit with 0
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

  /** Stops commands in progress and the services. A run in progress is paused and can be resumed. */
  async stop(): Promise<void> {
    for (const call of this.#calls) call.kill('SIGTERM');
    if (this.#child.exitCode === null && this.#child.signalCode === null) this.#child.kill('SIGTERM');
    await this.#ended;
  }
}

/** Runs a command that needs no services. Returns its last line, parsed. */
export async function callAlone(args: readonly string[]): Promise<unknown> {
  const child = start([...args, '--json']);
  const text = { stdout: '', stderr: '' };
  child.stdout?.on('data', (chunk: Buffer) => (text.stdout += chunk.toString('utf8')));
  child.stderr?.on('data', (chunk: Buffer) => (text.stderr += chunk.toString('utf8')));
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  if (code !== 0) throw new GapoError(`gapo ${args.join(' ')}: ${text.stderr}`);
  return JSON.parse(text.stdout.trimEnd().split('\n').at(-1) ?? 'null');
}
