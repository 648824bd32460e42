/** The ports of this machine's services, and reports of ports that are taken. */
import { isFree, UserError } from '@gapo/service';

/** The address that services on this machine listen on. */
export const localHost = '127.0.0.1';

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
