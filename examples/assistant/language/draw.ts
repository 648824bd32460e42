/**
 * Seeded draws for the generator: every choice is a function of (seed, stream, index, position), never of what was
 * drawn elsewhere before. Item 500 of a corpus is the same whether or not items 0 to 499 were made.
 */

/** Scrambles 32 bits so that neighbouring inputs give unrelated outputs (a bijection on uint32). */
function scramble(value: number): number {
  let x = value >>> 0;
  x = Math.imul(x ^ (x >>> 16), 0x21f0aaad);
  x = Math.imul(x ^ (x >>> 15), 0x735a2d97);
  return (x ^ (x >>> 15)) >>> 0;
}

/**
 * Hash of a text to an unsigned 32-bit integer, the same on every machine.
 *
 * @param text any string; only UTF-16 code units count
 */
export function hashText(text: string): number {
  let state = 0x9e3779b9;
  for (let i = 0; i < text.length; i++) state = scramble(state ^ (text.charCodeAt(i) + Math.imul(i, 0x85ebca6b)));
  return scramble(state ^ text.length);
}

/** A stream of choices for one item of a corpus. */
export class Draw {
  readonly #key: number;
  readonly #second: number;
  #position = 0;

  /**
   * @param seed of the whole generation, any safe integer
   * @param stream what is being drawn, such as `sft`; streams are independent of each other
   * @param index of the item within the stream
   */
  constructor(seed: number, stream: string, index: number) {
    if (!Number.isSafeInteger(seed)) throw new RangeError(`seed: found ${seed}, expected an integer`);
    const high = Math.floor(seed / 2 ** 32);
    const base = scramble(scramble(seed ^ hashText(stream)) ^ high);
    this.#key = scramble(base ^ index);
    this.#second = scramble(this.#key ^ Math.imul(index + 1, 0xc2b2ae35));
  }

  /** The next uniform number in [0, 1), with 53 random bits. */
  uniform(): number {
    const at = this.#position++;
    const high = scramble(this.#key ^ scramble(at * 2 + 1)) >>> 5;
    const low = scramble(this.#second ^ scramble(at * 2 + 2)) >>> 6;
    return (high * 2 ** 26 + low) / 2 ** 53;
  }

  /** Returns an integer in [0, below). */
  integer(below: number): number {
    return Math.floor(this.uniform() * below);
  }

  /** True with the given probability. */
  chance(probability: number): boolean {
    return this.uniform() < probability;
  }

  /**
   * Returns one element of a list, all equally likely.
   *
   * @throws RangeError if the list is empty
   */
  pick<T>(list: readonly T[]): T {
    const found = list[this.integer(list.length)];
    if (found === undefined) throw new RangeError('pick: the list is empty, expected at least one element');
    return found;
  }

  /**
   * Returns a key of a table of weights, with probability proportional to its weight.
   *
   * @param weights non-negative; they need not sum to 1
   * @throws RangeError if every weight is 0
   */
  weighted<K extends string>(weights: Readonly<Partial<Record<K, number>>>): K {
    const entries = Object.entries(weights) as [K, number][];
    const total = entries.reduce((sum, [, weight]) => sum + weight, 0);
    let left = this.uniform() * total;
    for (const [key, weight] of entries) {
      left -= weight;
      if (left < 0) return key;
    }
    const last = entries.findLast(([, weight]) => weight > 0);
    if (last === undefined) throw new RangeError('weighted: every weight is 0, expected one above 0');
    return last[0];
  }
}
