/**
 * `@gapo/service/testing`, for the tests of every package: temporary directories, free ports, and services as child processes.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { reservePorts } from './portBlock.js';

export { scrape, type Sample, type Scrape } from './exposition.fixture.js';
export { startOtlpReceiver } from './otlpReceiver.fixture.js';

/** Owns resources and closes them at its end: a test's context, or a suite's hook. */
export interface Owner {
  after(close: () => Promise<void>): void;
}

/** Creates a directory that is removed after the test. */
export async function temporaryDirectory(t: Owner): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'gapo-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

/** Options of {@link startProcess}. */
export interface ProcessOptions {
  readonly args?: readonly string[];
  /** Its environment, to which PATH is added. */
  readonly env?: Readonly<Record<string, string>>;
  /** Flags for node itself. */
  readonly nodeArgs?: readonly string[];
  /** A file descriptor for stdout and stderr. @default pipes that the test reads */
  readonly outputTo?: number;
}

/** A child process of a test. */
export interface TestProcess {
  kill(signal: NodeJS.Signals): boolean;
  /** The output so far, stdout and stderr interleaved. */
  output(): string;
  stdout(): string;
  stderr(): string;
  /** The exit code, once all output has arrived; null if a signal ended it. */
  readonly closed: Promise<number | null>;
  /** Resolves with the first match in the output; rejects if the process ends without one. */
  waitForOutput(pattern: RegExp): Promise<RegExpExecArray>;
  /** The address that a service logs once it is ready. */
  address(): Promise<string>;
  /** Closes the read ends of stdout and stderr, as if a `tee` had ended first. */
  closeOutput(): void;
}

/** Starts `node` on a file. If a test is given, the process ends with it at the latest. */
export function startProcess(file: URL, options: ProcessOptions = {}, t?: TestContext): TestProcess {
  const { args = [], env = {}, nodeArgs = [], outputTo = 'pipe' } = options;
  const child = spawn(process.execPath, [...nodeArgs, fileURLToPath(file), ...args], {
    env: { PATH: process.env['PATH'] ?? '', ...env },
    stdio: ['ignore', outputTo, outputTo],
  });
  t?.after(() => child.kill('SIGKILL'));
  const texts = { all: '', stdout: '', stderr: '' };
  const waiting = new Set<() => void>();
  for (const name of ['stdout', 'stderr'] as const) {
    child[name]?.setEncoding('utf8').on('data', (text: string) => {
      texts.all += text;
      texts[name] += text;
      for (const look of waiting) look();
    });
  }
  const closed = once(child, 'close').then(([code]: unknown[]) => {
    for (const look of waiting) look();
    return code as number | null;
  });
  const waitForOutput = (pattern: RegExp): Promise<RegExpExecArray> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        const match = pattern.exec(texts.all);
        if (match !== null) resolve(match);
        else if (child.exitCode === null && child.signalCode === null) return;
        else reject(new Error(`the process ended without the output ${pattern}; it wrote: ${texts.all}`));
        waiting.delete(look);
      };
      waiting.add(look);
      look();
    });
  return {
    kill: (signal) => child.kill(signal),
    output: () => texts.all,
    stdout: () => texts.stdout,
    stderr: () => texts.stderr,
    closed,
    waitForOutput,
    address: async () => (await waitForOutput(/"address":"([^"]+)"/))[1] as string,
    closeOutput: () => {
      child.stdout?.destroy();
      child.stderr?.destroy();
    },
  };
}

/** Returns an address on which another server listens until the test ends. */
export async function takenAddress(t: TestContext): Promise<string> {
  const { server, port } = await listening();
  t.after(() => server.close());
  return `127.0.0.1:${port}`;
}

/** The ports that no test has asked for yet. */
let reserved: Promise<number[]> | undefined;

/** Returns a port of 127.0.0.1 that nothing listens on, and that no other program gets while the test process runs. */
export async function freePort(): Promise<number> {
  reserved ??= reservePorts(32).then(({ ports }) => [...ports]);
  return (await reserved).shift() ?? assert.fail('a test file uses more than 32 ports');
}

async function listening(): Promise<{ readonly server: Server; readonly port: number }> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the server has no port');
  return { server, port: address.port };
}
