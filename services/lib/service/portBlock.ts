/**
 * Blocks of TCP ports of this machine, each used by one gapo process at a time.
 *
 * A port that a process looks up and releases can be taken before its service listens on it: by a connection, or by a
 * program that asks the system for a free port. Blocks lie below the ports that Linux, macOS and Windows choose by
 * themselves, and a process keeps its block by listening on the last port of it.
 */
import { randomInt } from 'node:crypto';
import { createServer, type Server } from 'node:net';
import { UserError } from './userError.js';

/** Above the ports of most services, below the node ports of Kubernetes and the ephemeral ports of every system. */
const [firstPort, endPort] = [10_240, 30_000];
const blockSize = 256;
const blocks = Math.floor((endPort - firstPort) / blockSize);

/** The free ports of a block. */
export interface ReservedPorts {
  /** Consecutive. */
  readonly ports: readonly number[];
  /** Lets other processes use the block. The end of this process does too. */
  readonly release: () => void;
}

/**
 * Reserves a block for as long as this process runs, or until it is released.
 *
 * @param count of the ports that are needed, all of them free
 * @param start the block that is tried first; the next ones follow. @default one at random
 * @throws UserError if they are more than a block has, or every block is in use; the error of listen if it has another cause
 */
export async function reservePorts(count: number, start = randomInt(blocks)): Promise<ReservedPorts> {
  if (count >= blockSize)
    throw new UserError(`${count} free ports are needed at once; at most ${blockSize - 1} can be`);
  for (let i = 0; i < blocks; i++) {
    const base = firstPort + ((start + i) % blocks) * blockSize;
    const guard = await listening(base + blockSize - 1);
    if (guard === undefined) continue;
    const ports = Array.from({ length: count }, (_, offset) => base + offset);
    const free = await Promise.all(ports.map(isFree));
    if (free.every(Boolean)) return { ports, release: () => void guard.close() };
    guard.close();
  }
  throw new UserError(
    `no ${count} free ports from ${firstPort} to ${endPort - 1}: stop processes that listen there (see ss -ltnp)`,
  );
}

/** Whether nothing listens on a port of 127.0.0.1. */
export async function isFree(port: number): Promise<boolean> {
  const server = await listening(port);
  if (server === undefined) return false;
  await new Promise((resolve) => server.close(resolve));
  return true;
}

/** Errors of listen that say that another process has the port, or that none may have it. */
const taken: ReadonlySet<string | undefined> = new Set(['EADDRINUSE', 'EACCES']);

/**
 * Returns a server that listens on a port and accepts nobody, without keeping the process alive; undefined if the port is
 * taken.
 *
 * @throws the error of listen if it has another cause, such as too many open files
 */
function listening(port: number): Promise<Server | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy()).unref();
    server.on('error', (error: NodeJS.ErrnoException) => {
      if (taken.has(error.code)) resolve(undefined);
      else reject(error);
    });
    server.listen(port, '127.0.0.1', () => resolve(server));
  });
}
