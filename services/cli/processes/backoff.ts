/** How long to wait before a service that died is started again. */

const [firstMs, longestMs] = [500, 30_000];

/** A service that lived this long has recovered: its next death is the first again. */
const recoveredMs = 60_000;

/** Pauses that double from one death to the next. */
export class Backoff {
  #deaths = 0;

  /**
   * The pause after a death, in milliseconds.
   *
   * @param livedMs how long it had run
   */
  next(livedMs: number): number {
    if (livedMs >= recoveredMs) this.#deaths = 0;
    const pause = Math.min(firstMs * 2 ** this.#deaths, longestMs);
    this.#deaths += 1;
    return pause;
  }
}
