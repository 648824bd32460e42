/** Where reward services are, by the names that configurations use. */
import { grpcTarget, word } from '@gapo/service';

/** What stands for the name in the address of services that are not listed. */
const any = '*';

/** One entry of REWARD_SERVICES, as `helpful=127.0.0.1:50061`, or `*=dns:///reward-*:50061` for every name that is not listed. */
export function isRewardEntry(entry: string): boolean {
  const [name = '', target = '', ...rest] = entry.split('=');
  if (rest.length > 0) return false;
  if (name === any) return target.includes(any) && grpcTarget.safeParse(target.replaceAll(any, 'name')).success;
  return word.safeParse(name).success && grpcTarget.safeParse(target).success;
}

/** The addresses: those that are listed, and a rule for other names where there is one. */
export class RewardAddresses implements Iterable<string> {
  readonly #listed: ReadonlyMap<string, string>;
  readonly #rule: string | undefined;

  /** @param entries each as {@link isRewardEntry} wants it */
  constructor(entries: readonly string[]) {
    const pairs = entries.map((entry) => entry.split('=') as [name: string, target: string]);
    this.#rule = pairs.find(([name]) => name === any)?.[1];
    this.#listed = new Map(pairs.filter(([name]) => name !== any));
  }

  /** The target of a name; undefined where there is none. */
  of(name: string): string | undefined {
    const listed = this.#listed.get(name);
    if (listed !== undefined || this.#rule === undefined || !word.safeParse(name).success) return listed;
    return this.#rule.replaceAll(any, name);
  }

  /** Whether a name has an address. */
  has(name: string): boolean {
    return this.of(name) !== undefined;
  }

  /** The names that are listed. */
  [Symbol.iterator](): Iterator<string> {
    return this.#listed.keys();
  }
}
