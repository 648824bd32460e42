/** Bounds the concurrent requests of a service, however many calls it answers. */

/** Slots for requests, first come, first served. */
export class RequestSlots {
  #free: number;
  readonly #waiting = new Set<() => void>();

  /** @param slots at least 1 */
  constructor(slots: number) {
    this.#free = slots;
  }

  /**
   * Runs work in a slot, once there is one.
   *
   * @throws the signal's reason if it aborts before then
   */
  async run<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> {
    await this.#take(signal);
    try {
      return await work();
    } finally {
      this.#give();
    }
  }

  async #take(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.#free > 0) {
      this.#free -= 1;
      return;
    }
    await new Promise<void>((resolve, reject) => {
      const onSlot = (): void => {
        signal.removeEventListener('abort', onAbort);
        resolve();
      };
      const onAbort = (): void => {
        this.#waiting.delete(onSlot);
        reject(signal.reason as Error);
      };
      this.#waiting.add(onSlot);
      signal.addEventListener('abort', onAbort, { once: true });
    });
  }

  /** Hands a slot to the one that has waited longest. */
  #give(): void {
    const [first] = this.#waiting;
    if (first === undefined) {
      this.#free += 1;
      return;
    }
    this.#waiting.delete(first);
    first();
  }
}
