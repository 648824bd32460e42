/** Discovers workers by DNS: each address that a name resolves to is one worker, and the set changes over time. */
import { lookup } from 'node:dns/promises';
import { setTimeout as delay } from 'node:timers/promises';

/** Returns the addresses of a host, as IPv4 or IPv6 text. */
export type LookUp = (host: string) => Promise<readonly string[]>;

const systemLookUp: LookUp = async (host) => (await lookup(host, { all: true })).map(({ address }) => address);

/** Returns host and port of a target such as `dns:///rollout:50051`; undefined for any other, which is a single worker. */
export function namedHost(target: string): { readonly host: string; readonly port: string } | undefined {
  const match = /^dns:(?:\/\/[^/]*\/)?(.+):(\d+)$/.exec(target);
  return match?.[1] === undefined || match[2] === undefined ? undefined : { host: match[1], port: match[2] };
}

/** Observes the addresses that a name resolves to. */
export interface AddressObserver {
  /** Called on every change with the sorted targets, each as address:port. */
  changed(targets: readonly string[]): void;
  /** Called when the name does not resolve; the known targets stay valid. */
  failed(reason: string): void;
}

/**
 * Resolves a name repeatedly until the signal aborts. By default it asks the system's resolver every 5 seconds.
 */
export async function followName(
  { host, port }: { readonly host: string; readonly port: string },
  observer: AddressObserver,
  signal: AbortSignal,
  lookUp: LookUp = systemLookUp,
  intervalMs = 5000,
): Promise<void> {
  let known = '';
  while (!signal.aborted) {
    try {
      const addresses = await lookUp(host);
      const targets = addresses.map((address) => `${address.includes(':') ? `[${address}]` : address}:${port}`).sort();
      if (targets.join() !== known && !signal.aborted) observer.changed(targets);
      known = targets.join();
    } catch (error) {
      observer.failed(`cannot resolve ${host}: ${(error as Error).message}`);
    }
    await delay(intervalMs, undefined, { signal }).catch(() => undefined);
  }
}
