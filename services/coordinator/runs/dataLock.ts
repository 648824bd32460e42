/**
 * Locks a data directory for one coordinator: a second one would mark the first one's active runs as failed. The lock
 * is a listening socket, which the system releases however the process ends. It excludes processes on the same machine.
 */
import { createHash } from 'node:crypto';
import { realpathSync, rmSync } from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { UserError, type Logger } from '@gapo/service';

/** Returns the path of a directory's socket. It is not in the directory, since socket paths must be short. */
function socketPath(directory: string): string {
  const name = createHash('sha256').update(realpathSync(directory)).digest('hex').slice(0, 16);
  return join(tmpdir(), `gapo-coordinator-${name}.sock`);
}

/**
 * Locks an existing data directory. If the socket cannot be created, it logs a warning and leaves the directory
 * unlocked.
 *
 * @returns a function that unlocks it
 * @throws UserError if another coordinator holds the lock
 */
export async function lockDataDirectory(directory: string, log: Logger): Promise<() => void> {
  const path = socketPath(directory);
  if (await answers(path)) {
    throw new UserError(`DATA_DIR ${directory} is in use by another coordinator; stop it, or choose another directory`);
  }
  try {
    // Nothing answers: a socket file was left by a process that was killed.
    rmSync(path, { force: true });
    const server = await listen(path);
    return () => void server.close();
  } catch (error) {
    log.warn({ path, error }, `DATA_DIR ${directory} is not locked: make sure that no other coordinator uses it`);
    return () => undefined;
  }
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

function listen(path: string): Promise<Server> {
  const server = createServer((socket) => socket.destroy());
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, () => {
      server.unref();
      resolve(server);
    });
  });
}
