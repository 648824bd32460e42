/** How long at least one of several concurrent tasks was in progress. */
export class BusyTime {
  #running = 0;
  #since = 0;
  #millis = 0;

  /** Wall-clock seconds with at least one task in progress, up to the end of the last one. */
  get seconds(): number {
    return this.#millis / 1000;
  }

  /** Runs a task. Time in which several tasks run counts once. */
  async during<T>(work: () => Promise<T>): Promise<T> {
    if (this.#running++ === 0) this.#since = performance.now();
    try {
      return await work();
    } finally {
      if (--this.#running === 0) this.#millis += performance.now() - this.#since;
    }
  }
}
