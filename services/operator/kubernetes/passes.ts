/**
 * Sequential passes over one object. Each pass determines when the next is due at the latest, and callers can bring it forward.
 */

/** Makes passes until it is stopped. */
export class Passes {
  readonly #leastMs: number;
  #due = 0;
  #isStopped = false;
  #wake: () => void = () => undefined;

  /** @param leastMs the minimum time between passes. @default none */
  constructor(leastMs = 0) {
    this.#leastMs = leastMs;
  }

  /** Brings the next pass forward. */
  within(ms: number): void {
    this.#due = Math.min(this.#due, performance.now() + ms);
    this.#wake();
  }

  /** Makes no more passes. The one in progress is completed. */
  stop(): void {
    this.#isStopped = true;
    this.#wake();
  }

  /**
   * Makes passes until they are stopped.
   *
   * @param pass returns the milliseconds until the next pass at the latest; does not throw
   */
  async run(pass: () => Promise<number>): Promise<void> {
    while (!this.#isStopped) {
      this.#due = Infinity;
      this.within(await pass());
      if (this.#leastMs > 0) this.#due = Math.max(this.#due, performance.now() + this.#leastMs);
      await this.#untilDue();
    }
  }

  async #untilDue(): Promise<void> {
    while (!this.#isStopped) {
      const left = this.#due - performance.now();
      if (left <= 0) return;
      await new Promise<void>((resolve) => {
        // A timer with an infinite delay would fire immediately.
        const timer = Number.isFinite(left) ? setTimeout(resolve, left) : undefined;
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }
}
