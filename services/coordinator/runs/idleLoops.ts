/** The training loops of runs that neither train nor are evaluated: the last few stay in memory for the next use. */

/** Loops that stay. Each has the parameters and moments of its run, and the versions that workers may fetch. */
const mostIdle = 2;

/** The idle loops of a coordinator, by run id. */
export class IdleLoops {
  /** The longest idle first. */
  readonly #releases = new Map<string, () => void>();

  /**
   * Adds the loop of a run that nothing uses any more. The one that has been idle longest is released if there are too many.
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

  /** Removes a loop that is used again, which is not released then. */
  remove(id: string): void {
    this.#releases.delete(id);
  }
}
