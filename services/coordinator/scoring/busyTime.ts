/** How long at least one of several concurrent pieces of work was in progress. */
export class BusyTime {
  #running = 0;
  #since = 0;
  #millis = 0;

  /** Wall seconds in which work was in progress, up to the last end. */
  get seconds(): number {
    return this.#millis / 1000;
  }

  /** Runs work, whose time counts once however much runs beside it. */
  async during<T>(work: () => Promise<T>): Promise<T> {
    if (this.#running++ === 0) this.#since = performance.now();
    try {
      return await work();
    } finally {
      if (--this.#running === 0) this.#millis += performance.now() - this.#since;
    }
  }
}
