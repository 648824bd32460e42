/** Addresses of reward services, by the names that configurations use. */
import { grpcTarget, word } from '@gapo/service';

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

/** The listed addresses, and an optional rule for unlisted names. */
export class RewardAddresses implements Iterable<string> {
  readonly #listed: ReadonlyMap<string, string>;
  readonly #rule: string | undefined;

  /** @param entries each accepted by {@link isRewardEntry} */
  constructor(entries: readonly string[]) {
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

  /** Whether a name has an address. */
  has(name: string): boolean {
    return this.of(name) !== undefined;
  }

  /** Iterates over the listed names. */
  [Symbol.iterator](): Iterator<string> {
    return this.#listed.keys();
  }
}
