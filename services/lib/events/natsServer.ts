/** A nats-server with JetStream as a child process, for `gapo up` and for tests. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, watch } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { UserError } from '@gapo/service';

/** How to start a server. */
export interface NatsServerOptions {
  /** The program. @default the one that findNatsServer finds */
  binary?: string;
  /** The TCP port on 127.0.0.1; 0 is any free one. @default 0 */
  port?: number;
  /** The directory of its streams; created if missing. */
  storeDir: string;
  /** A configuration file, for logins, TLS and limits. It must enable JetStream itself, with a store_dir. @default JetStream alone */
  configFile?: string;
}

/** A running server. */
export interface NatsServer {
  /** Its URL, such as `nats://127.0.0.1:41234`. */
  readonly url: string;
  /** The server's process id. */
  readonly pid: number;
  /** Resolves when the process has exited. */
  readonly exited: Promise<void>;
  /** Sends SIGTERM and waits; sends SIGKILL after 5 seconds. */
  stop(): Promise<void>;
}

/** Debian installs the server in a directory that is not on an ordinary user's PATH. */
const extraDirectories = ['/usr/sbin', '/usr/local/sbin', '/usr/local/bin'];

const startTimeoutMs = 10_000;
const stopTimeoutMs = 5_000;

/** Returns the path of a nats-server, on PATH or where Debian installs it; undefined if there is none. */
export function findNatsServer(env: NodeJS.ProcessEnv = process.env): string | undefined {
  const directories = [...(env['PATH'] ?? '').split(delimiter).filter((part) => part !== ''), ...extraDirectories];
  return directories.map((directory) => join(directory, 'nats-server')).find((path) => isExecutable(path));
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/**
 * Starts a server on 127.0.0.1 and waits until it accepts connections. It is killed when this process exits. A process that dies from
 * an unhandled signal leaves the server behind, so handle SIGTERM and SIGINT (`runService` does).
 *
 * @returns undefined if no binary is given and none is installed
 * @throws UserError if it cannot start, for example because the port is taken, with the last line of its output
 */
export async function startNatsServer(options: NatsServerOptions): Promise<NatsServer | undefined> {
  const binary = options.binary ?? findNatsServer();
  if (binary === undefined) return undefined;
  mkdirSync(options.storeDir, { recursive: true });
  const portsDir = mkdtempSync(join(tmpdir(), 'gapo-nats-'));
  const port = options.port === undefined || options.port === 0 ? -1 : options.port;
  const configured = options.configFile === undefined ? ['-js', '-sd', options.storeDir] : ['-c', options.configFile];
  const child = spawn(
    binary,
    ['-a', '127.0.0.1', '-p', String(port), ...configured, '--ports_file_dir', portsDir],
    // A separate process group: a terminal's Ctrl-C reaches only the parent, which then stops the server in order.
    { stdio: ['ignore', 'ignore', 'pipe'], detached: true },
  );
  const kill = () => void child.kill('SIGKILL');
  process.once('exit', kill);
  const exited = new Promise<void>((resolve) => {
    child.once('exit', () => resolve());
    child.once('error', () => resolve());
  }).then(() => {
    process.removeListener('exit', kill);
  });
  try {
    const url = await startedUrl(child, binary, portsDir, options);
    return { url, pid: child.pid ?? 0, exited, stop: () => stopServer(child, exited) };
  } catch (error) {
    child.kill('SIGKILL');
    throw error;
  } finally {
    rmSync(portsDir, { recursive: true, force: true });
  }
}

/** Waits for the file that lists the server's ports. */
async function startedUrl(
  child: ChildProcess,
  binary: string,
  portsDir: string,
  options: NatsServerOptions,
): Promise<string> {
  const said: string[] = [];
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    said.push(text);
    if (said.length > 100) said.shift();
  });
  return new Promise((resolve, reject) => {
    const watcher = watch(portsDir, () => look());
    const timer = setTimeout(() => fail(`did not start within ${startTimeoutMs / 1000} seconds`), startTimeoutMs);
    const settle = () => {
      clearTimeout(timer);
      watcher.close();
    };
    const look = () => {
      const url = readPorts(portsDir);
      if (url === undefined) return;
      settle();
      resolve(url);
    };
    const fail = (what: string) => {
      settle();
      reject(startError(binary, what, said.join(''), options));
    };
    child.once('error', (error) => fail(`cannot be run (${error.message})`));
    // 'close' follows the last output, 'exit' may precede it.
    child.once('close', (code) => fail(`ended with code ${code ?? 'none'}`));
    look();
  });
}

function readPorts(portsDir: string): string | undefined {
  const file = readdirSync(portsDir).find((name) => name.endsWith('.ports'));
  if (file === undefined) return undefined;
  try {
    const parsed: unknown = JSON.parse(readFileSync(join(portsDir, file), 'utf8'));
    if (typeof parsed !== 'object' || parsed === null || !('nats' in parsed) || !Array.isArray(parsed.nats))
      return undefined;
    const url: unknown = parsed.nats[0];
    return typeof url === 'string' ? url : undefined;
  } catch {
    // Partly written; the directory will change again.
    return undefined;
  }
}

function startError(binary: string, what: string, said: string, options: NatsServerOptions): UserError {
  if (/address already in use/.test(said)) {
    return new UserError(
      `nats-server cannot listen on 127.0.0.1:${options.port}: the port is taken; stop the process that listens there, or choose another port`,
    );
  }
  const last = said
    .split('\n')
    .filter((line) => line.trim() !== '')
    .at(-1);
  const reason = last?.replace(/^\[\d+\] \S+ \S+ /, '') ?? 'no output';
  return new UserError(`nats-server (${binary}) ${what}: ${reason}; is ${options.storeDir} writable?`);
}

async function stopServer(child: ChildProcess, exited: Promise<void>): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) {
    const ended = once(child, 'exit');
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), stopTimeoutMs);
    await ended;
    clearTimeout(timer);
  }
  await exited;
}
