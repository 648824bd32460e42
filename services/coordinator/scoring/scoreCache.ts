/** Scores that a service has given before, by its version and the item: the contract says that it would give them again. */
import { createHash } from 'node:crypto';

/** The texts that a score depends on. */
export interface Scored {
  readonly prompt: string;
  readonly completion: string;
}

/** Identifies an item by its texts. */
export function itemKey({ prompt, completion }: Scored): string {
  return createHash('sha256').update(`${prompt.length}:`).update(prompt).update(completion).digest('base64');
}

/** Scores that were asked for most recently, as many as fit. */
export class ScoreCache {
  readonly #capacity: number;
  /** In the order in which they were last asked for. */
  readonly #scores = new Map<string, number>();

  /** @param capacity scores at the most; one takes some 200 bytes */
  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** @param version of the service; a service without one promises nothing, and has no scores here */
  get(version: string, key: string): number | undefined {
    const full = `${version} ${key}`;
    const score = this.#scores.get(full);
    if (score === undefined) return undefined;
    this.#scores.delete(full);
    this.#scores.set(full, score);
    return score;
  }

  set(version: string, key: string, score: number): void {
    if (version === '') return;
    this.#scores.set(`${version} ${key}`, score);
    if (this.#scores.size <= this.#capacity) return;
    const [oldest] = this.#scores.keys();
    if (oldest !== undefined) this.#scores.delete(oldest);
  }
}
