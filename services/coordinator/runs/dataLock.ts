/**
 * One coordinator for a data directory: a second one would take the first one's active runs for abandoned. The lock is a
 * socket, which its process cannot leave behind in use, however it ends; it works among the processes of one machine.
 */
import { createHash } from 'node:crypto';
import { realpathSync, rmSync } from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { UserError, type Logger } from '@gapo/service';

/** Where the socket of a directory lies: not in it, since paths of sockets must be short. */
function socketPath(directory: string): string {
  const name = createHash('sha256').update(realpathSync(directory)).digest('hex').slice(0, 16);
  return join(tmpdir(), `gapo-coordinator-${name}.sock`);
}

/**
 * Takes a data directory that exists.
 *
 * @param log told where this machine has no place for the socket; the directory is then used unlocked
 * @returns a function that gives it back
 * @throws UserError where another process has it
 */
export async function lockDataDirectory(directory: string, log: Logger): Promise<() => void> {
  const path = socketPath(directory);
  if (await answers(path)) {
    throw new UserError(
      `DATA_DIR ${directory} belongs to another coordinator that runs; stop that one, or choose another directory`,
    );
  }
  try {
    // Nobody answers: what lies there was left by a process that was killed.
    rmSync(path, { force: true });
    const server = await listen(path);
    return () => void server.close();
  } catch (error) {
    log.warn(
      { path, error },
      `DATA_DIR ${directory} is used without a lock: see to it that no other coordinator uses it`,
    );
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
