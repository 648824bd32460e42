/** The services of a trial, on a small disk and connected by links that can be cut. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startProcesses, type PlatformOptions, type ProcessPlatform } from '../processes/platform.js';
import { SmallDisk } from './disk.js';
import { Link } from './link.js';

/** The running services. */
export interface ChaosPlatform extends ProcessPlatform {
  readonly links: ReadonlyMap<string, Link>;
  /** Undefined if this user may not mount one. */
  readonly disk: SmallDisk | undefined;
}

/** The preloaded module that shifts a process's clock. */
export const shiftedClock = fileURLToPath(new URL('shiftedClock.js', import.meta.url));

/**
 * Starts the services, and waits until they answer.
 *
 * @throws UserError if nats-server is not installed
 */
export async function startChaosPlatform(options: PlatformOptions): Promise<ChaosPlatform> {
  const disk = SmallDisk.mount(join(options.root, 'data'));
  const unmount = (): void => disk?.unmount();
  process.once('exit', unmount);
  const links = new Map<string, Link>();
  const addressOf = async (service: string, port: number): Promise<string> => {
    const link = await Link.open(port);
    links.set(service, link);
    return link.address;
  };
  const platform = await startProcesses({ ...options, addressOf });
  return {
    ...platform,
    links,
    disk,
    async stop() {
      await platform.stop();
      for (const link of links.values()) link.close();
      process.removeListener('exit', unmount);
      unmount();
    },
  };
}

/** Removes the streams of a server that is not running. */
export function wipe(natsStore: string): void {
  rmSync(natsStore, { recursive: true, force: true });
}
