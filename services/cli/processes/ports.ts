/** Finds free TCP ports and reports ports that are taken. */
import { createServer, type Server } from 'node:net';
import { UserError } from '@gapo/service';

/** The address that services on this machine listen on. */
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

/** Returns distinct free ports. All are reserved until the last is known, then released. */
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

/** A port and the service that needs it. */
export interface WantedPort {
  port: number;
  /** Such as `rollout`. */
  who: string;
  /** The option that changes it, such as `--port-base`. */
  option: string;
}

/** @throws UserError naming every taken port, the service that needs it and what to do */
export async function requireFree(wanted: readonly WantedPort[]): Promise<void> {
  const free = await Promise.all(wanted.map(({ port }) => isFree(port)));
  const busy = wanted.filter((_, i) => !free[i]);
  if (busy.length === 0) return;
  const lines = busy.map(
    ({ port, who, option }) =>
      `${who} cannot listen on ${localHost}:${port}: the port is taken; stop the process that uses it (see ss -ltnp 'sport = :${port}'), or choose another with ${option} (0 for any free port)`,
  );
  throw new UserError(lines.join('\n'));
}
