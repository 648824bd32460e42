/**
 * A cache of scores by service version and item: by contract, a version always gives the same item the same score.
 */
import { createHash } from 'node:crypto';
import type { Item } from '@gapo/rpc';

/**
 * Returns the cache key of an item: a hash of everything that affects its score, which is all fields except the
 * id.
 */
export function itemKey({ prompt, completion, metadata, turns }: Omit<Item, 'id'>): string {
  const columns = Object.entries(metadata).sort(([a], [b]) => (a < b ? -1 : 1));
  const said = turns.map(({ role, content }) => [role, content]);
  return createHash('sha256')
    .update(JSON.stringify([prompt, completion, columns, said]))
    .digest('base64');
}

/** A least-recently-used cache of scores. */
export class ScoreCache {
  readonly #capacity: number;
  /** From least to most recently used. */
  readonly #scores = new Map<string, number>();

  /** @param capacity maximum number of scores, each of about 110 bytes */
  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** @param version the service's; scores without a version are never cached */
  get(version: string, key: string): number | undefined {
    const full = fullKey(version, key);
    const score = this.#scores.get(full);
    if (score === undefined) return undefined;
    this.#scores.delete(full);
    this.#scores.set(full, score);
    return score;
  }

  set(version: string, key: string, score: number): void {
    if (version === '') return;
    this.#scores.set(fullKey(version, key), score);
    if (this.#scores.size <= this.#capacity) return;
    const [oldest] = this.#scores.keys();
    if (oldest !== undefined) this.#scores.delete(oldest);
  }
}

/**
 * Returns 16 bytes of a hash as characters, because a version's name may be long and the cache holds many keys.
 */
function fullKey(version: string, key: string): string {
  return createHash('sha256').update(`${version} ${key}`).digest().toString('latin1', 0, 16);
}
