/** The training loops of runs that neither train nor are evaluated: the last few stay in memory for the next use. */

/**
 * Maximum number of idle loops. Each holds the parameters and moments of its run, and the versions that workers may fetch.
 */
const mostIdle = 2;

/** The idle loops of a coordinator, by run id. */
export class IdleLoops {
  /** Longest idle first. */
  readonly #releases = new Map<string, () => void>();

  /**
   * Adds a loop that is no longer in use. If there are too many, releases the one that has been idle longest.
   *
   * @param release removes the loop from memory
   */
  add(id: string, release: () => void): void {
    this.remove(id);
    this.#releases.set(id, release);
    for (const [oldest, releaseOldest] of this.#releases) {
      if (this.#releases.size <= mostIdle) return;
      this.#releases.delete(oldest);
      releaseOldest();
    }
  }

  /** Removes a loop that is in use again, without releasing it. */
  remove(id: string): void {
    this.#releases.delete(id);
  }
}
