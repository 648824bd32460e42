/** TCP ports of this machine: which are free, and who wanted one that is not. */
import { createServer, type Server } from 'node:net';
import { UserError } from '@gapo/service';

/** The address that services of this machine listen on. */
export const localHost = '127.0.0.1';

function listen(port: number): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(port, localHost, () => resolve(server));
  });
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()));
}

/** Whether nothing listens on a port of 127.0.0.1. */
export async function isFree(port: number): Promise<boolean> {
  try {
    await close(await listen(port));
    return true;
  } catch {
    return false;
  }
}

/** So many different free ports. All are held until the last is known, then let go. */
export async function freePorts(count: number): Promise<number[]> {
  const servers: Server[] = [];
  for (let i = 0; i < count; i++) servers.push(await listen(0));
  const ports = servers.map((server) => {
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('a TCP server has no port');
    return address.port;
  });
  await Promise.all(servers.map(close));
  return ports;
}

/** A port and who is to listen on it. */
export interface WantedPort {
  port: number;
  /** As `rollout`. */
  who: string;
  /** The option that moves it, as `--port-base`. */
  option: string;
}

/** @throws UserError that names every port which is taken, who wanted it and what to do */
export async function requireFree(wanted: readonly WantedPort[]): Promise<void> {
  const free = await Promise.all(wanted.map(({ port }) => isFree(port)));
  const busy = wanted.filter((_, i) => !free[i]);
  if (busy.length === 0) return;
  const lines = busy.map(
    ({ port, who, option }) =>
      `${who} cannot listen on ${localHost}:${port}: the port is taken; stop what listens there (ss -ltnp 'sport = :${port}' names it), or give another with ${option} (0 takes any free one)`,
  );
  throw new UserError(lines.join('\n'));
}
