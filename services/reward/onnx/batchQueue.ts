/**
 * The queue of sequences waiting for a run of their model. Sequences with the same model and padded length may share a
 * run, and the oldest one decides which run is next. Pure: the caller provides the clock.
 */

/** A waiting sequence. */
export interface Waiting {
  /** Sequences of different models never share a run. */
  readonly model: object;
  /** Its padded length, in tokens. */
  readonly length: number;
  /** When it was queued, in milliseconds on the caller's clock, which must be monotonic. */
  readonly since: number;
  /** The call that it belongs to. */
  readonly call: object;
}

/** The next step: run a batch, or call `take` again after `afterMs`. */
export type Next<W extends Waiting> = { readonly batch: readonly [W, ...W[]] } | { readonly afterMs: number };

export class BatchQueue<W extends Waiting> {
  readonly #waitMs: number;
  #waiting: W[] = [];

  /** @param waitMs how long, at most, a sequence waits for others while nothing runs */
  constructor(waitMs: number) {
    this.#waitMs = waitMs;
  }

  get size(): number {
    return this.#waiting.length;
  }

  add(entries: readonly W[]): void {
    this.#waiting.push(...entries);
  }

  /** Removes the sequences of a cancelled call. */
  remove(call: object): void {
    this.#waiting = this.#waiting.filter((entry) => entry.call !== call);
  }

  /**
   * Takes the next batch: the oldest sequence and all others that may run with it, in order of arrival; as long as the
   * oldest may still wait for others, only sequences that fill a run.
   *
   * @param mostRows maximum number of sequences in a run of this model and padded length
   * @returns undefined if nothing waits
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

  /** Returns a sequence from the first full run. */
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
