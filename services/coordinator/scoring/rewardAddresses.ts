/** Addresses of reward services, by the names used in configurations. */
import { grpcTarget, word } from '@gapo/service';
import { RefusedError } from '../state/refusedError.js';
import { isAllowed } from './rewardAllow.js';

/** The name of the rule for unlisted names, and the placeholder for the name in the rule's target. */
const wildcard = '*';

/** Whether a string is an entry of REWARD_SERVICES: `name=host:port`, or the rule `*=dns:///reward-*:50061`. */
export function isRewardEntry(entry: string): boolean {
  const [name = '', target = '', ...rest] = entry.split('=');
  if (rest.length > 0) return false;
  if (name === wildcard) {
    return target.includes(wildcard) && grpcTarget.safeParse(target.replaceAll(wildcard, 'name')).success;
  }
  return word.safeParse(name).success && grpcTarget.safeParse(target).success;
}

/** The listed addresses, an optional rule for unlisted names, and the addresses that configurations may give directly. */
export class RewardAddresses implements Iterable<string> {
  readonly #listed: ReadonlyMap<string, string>;
  readonly #rule: string | undefined;
  readonly #allow: readonly string[];

  /**
   * @param entries each accepted by {@link isRewardEntry}
   * @param allow patterns of addresses, each accepted by `isAllowPattern`. @default none
   */
  constructor(entries: readonly string[], allow: readonly string[] = []) {
    this.#allow = allow;
    const pairs = entries.map((entry) => entry.split('=') as [name: string, target: string]);
    this.#rule = pairs.find(([name]) => name === wildcard)?.[1];
    this.#listed = new Map(pairs.filter(([name]) => name !== wildcard));
  }

  /** Returns the target of a name; undefined if it has none. */
  of(name: string): string | undefined {
    const listed = this.#listed.get(name);
    if (listed !== undefined || this.#rule === undefined || !word.safeParse(name).success) return listed;
    return this.#rule.replaceAll(wildcard, name);
  }

  /**
   * Returns the target of an objective's service: a name, or an address.
   *
   * @returns undefined if it is neither an address nor a name that has one
   * @throws RefusedError for an address that is not allowed
   */
  targetOf(service: string): string | undefined {
    const named = this.of(service);
    if (named !== undefined || !grpcTarget.safeParse(service).success) return named;
    if (isAllowed(service, this.#allow)) return service;
    throw new RefusedError(
      'address',
      `service: ${service} is not an address that this coordinator calls (REWARD_ALLOW: ${this.#allow.join(', ') || 'none'}); ` +
        'use a name of REWARD_SERVICES, or start the coordinator with the address in REWARD_ALLOW',
    );
  }

  /** Whether a name has an address. */
  has(name: string): boolean {
    return this.of(name) !== undefined;
  }

  /** Iterates over the listed names. */
  [Symbol.iterator](): Iterator<string> {
    return this.#listed.keys();
  }
}
