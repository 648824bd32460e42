/** Exponential backoff for restarts of a service. */

const [firstMs, longestMs] = [500, 30_000];

/** A service that ran for this long has recovered; the backoff starts over. */
const recoveredMs = 60_000;

/** Delays that double from one exit to the next. */
export class Backoff {
  #exits = 0;

  /**
   * Returns the delay before the next restart, in milliseconds.
   *
   * @param ranMs how long it had run
   */
  next(ranMs: number): number {
    if (ranMs >= recoveredMs) this.#exits = 0;
    const delay = Math.min(firstMs * 2 ** this.#exits, longestMs);
    this.#exits += 1;
    return delay;
  }
}
