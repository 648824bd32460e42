/**
 * Sequences that wait for a run of a model, and which of them run together next. Those of one model and one padded length
 * may; the one that waits longest decides whose turn it is. Pure: the clock is the caller's.
 */

/** A sequence that waits. */
export interface Waiting {
  /** Sequences of different models never share a run. */
  readonly model: object;
  /** Its padded length, in tokens. */
  readonly length: number;
  /** When it began to wait, in milliseconds of the caller's clock; never less than that of the one before it. */
  readonly since: number;
  /** The call that it belongs to. */
  readonly call: object;
}

/** What to do next: run these, or look again after so many milliseconds. */
export type Next<W extends Waiting> = { readonly batch: readonly [W, ...W[]] } | { readonly afterMs: number };

/** The queue. */
export class BatchQueue<W extends Waiting> {
  readonly #waitMs: number;
  #waiting: W[] = [];

  /** @param waitMs the longest that a sequence waits for company while nothing runs. */
  constructor(waitMs: number) {
    this.#waitMs = waitMs;
  }

  /** How many wait. */
  get size(): number {
    return this.#waiting.length;
  }

  add(entries: readonly W[]): void {
    this.#waiting.push(...entries);
  }

  /** Takes out the sequences of a call that nobody waits for any more. */
  remove(call: object): void {
    this.#waiting = this.#waiting.filter((entry) => entry.call !== call);
  }

  /**
   * Takes the next batch: of the sequence that waits longest and all others that may run with it, in the order in which
   * they came; or, as long as that one may still wait for company, of any that fill a run.
   * @param mostRows sequences of a run of this model and padded length, at the most.
   * @returns undefined where nothing waits.
   */
  take(now: number, mostRows: (model: W['model'], length: number) => number): Next<W> | undefined {
    const [oldest] = this.#waiting;
    if (oldest === undefined) return undefined;
    const afterMs = oldest.since + this.#waitMs - now;
    const chosen = afterMs <= 0 ? oldest : this.#full(mostRows);
    if (chosen === undefined) return { afterMs };
    let left = mostRows(chosen.model, chosen.length);
    const batch: W[] = [];
    const others: W[] = [];
    for (const entry of this.#waiting) {
      if (left > 0 && together(entry, chosen)) {
        batch.push(entry);
        left -= 1;
      } else others.push(entry);
    }
    this.#waiting = others;
    return { batch: batch as [W, ...W[]] };
  }

  /** A sequence of the first run that is full. */
  #full(mostRows: (model: W['model'], length: number) => number): W | undefined {
    const counts = new Map<object, Map<number, number>>();
    for (const entry of this.#waiting) {
      const { model, length } = entry;
      const ofModel = counts.get(model) ?? new Map<number, number>();
      const count = (ofModel.get(length) ?? 0) + 1;
      if (count >= mostRows(model, length)) return entry;
      counts.set(model, ofModel.set(length, count));
    }
    return undefined;
  }
}

function together(a: Waiting, b: Waiting): boolean {
  return a.model === b.model && a.length === b.length;
}
