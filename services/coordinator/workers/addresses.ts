/** Names that stand for many workers: every address behind a name is a worker of its own, and they come and go. */
import { lookup } from 'node:dns/promises';
import { setTimeout as delay } from 'node:timers/promises';

/** How often a name is looked up again, in milliseconds. */
const lookAgainMs = 5000;

/** Addresses of a host, as IPv4 or IPv6 text. */
export type LookUp = (host: string) => Promise<readonly string[]>;

const systemLookUp: LookUp = async (host) => (await lookup(host, { all: true })).map(({ address }) => address);

/** Host and port of a target as `dns:///rollout:50051`; undefined for any other, which is one worker. */
export function namedHost(target: string): { readonly host: string; readonly port: string } | undefined {
  const match = /^dns:(?:\/\/[^/]*\/)?(.+):(\d+)$/.exec(target);
  return match?.[1] === undefined || match[2] === undefined ? undefined : { host: match[1], port: match[2] };
}

/** Told what a name stands for. */
export interface AddressObserver {
  /** Targets behind the name, each as address:port, sorted; told at every change. */
  changed(targets: readonly string[]): void;
  /** The name could not be looked up; what was known before stays. */
  failed(reason: string): void;
}

/**
 * Follows a name until the signal aborts.
 *
 * @param lookUp for tests; the system's resolver unless given
 * @param intervalMs milliseconds between look-ups
 */
export async function followName(
  { host, port }: { readonly host: string; readonly port: string },
  observer: AddressObserver,
  signal: AbortSignal,
  lookUp: LookUp = systemLookUp,
  intervalMs = lookAgainMs,
): Promise<void> {
  let known = '';
  const stopped = (): boolean => signal.aborted; // it changes while this function waits
  while (!stopped()) {
    try {
      const addresses = await lookUp(host);
      const targets = addresses.map((address) => `${address.includes(':') ? `[${address}]` : address}:${port}`).sort();
      if (targets.join() !== known && !stopped()) observer.changed(targets);
      known = targets.join();
    } catch (error) {
      observer.failed(`${host} cannot be looked up: ${(error as Error).message}`);
    }
    await delay(intervalMs, undefined, { signal }).catch(() => undefined);
  }
}
