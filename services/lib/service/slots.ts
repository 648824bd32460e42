/** Back-pressure: limits concurrent tasks. Others wait, first come, first served. */

/** Slots for concurrent tasks. */
export class Slots {
  readonly #count: number;
  readonly #waiting = new Set<() => void>();
  #taken = 0;

  /** @param count at least 1 */
  constructor(count: number) {
    this.#count = count;
  }

  /** Number of tasks that hold a slot or wait for one. */
  get load(): number {
    return this.#taken + this.#waiting.size;
  }

  /**
   * Runs work in a slot once one is free.
   *
   * @throws the signal's reason if it aborts before then
   */
  async run<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    await this.#take(signal);
    try {
      return await work();
    } finally {
      this.#give();
    }
  }

  /**
   * Streams the results of work in a slot once one is free. The slot is held until the stream has ended.
   *
   * @throws the signal's reason if it aborts before then
   */
  async *stream<T>(signal: AbortSignal, work: () => AsyncIterable<T>): AsyncGenerator<T, void, undefined> {
    await this.#take(signal);
    try {
      yield* work();
    } finally {
      this.#give();
    }
  }

  async #take(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.#taken < this.#count) {
      this.#taken += 1;
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

  /** Hands a slot to the task that has waited longest. */
  #give(): void {
    const [first] = this.#waiting;
    if (first === undefined) {
      this.#taken -= 1;
      return;
    }
    this.#waiting.delete(first);
    first();
  }
}
