/**
 * Keeps calls from a service that has failed several times in a row, for a while: what waits for it is told at once, and
 * the service is left in peace to recover. After the while calls go through again; the first failure closes the way anew.
 */

/** When the way is closed, and for how long. */
export interface BreakerLimits {
  /** Calls that fail in a row before it is closed. */
  readonly failures: number;
  /** Milliseconds for which it is closed. */
  readonly coolDownMs: number;
}

/** Counts one service's failures. */
export class CircuitBreaker {
  readonly #limits: BreakerLimits;
  readonly #now: () => number;
  #failures = 0;
  #reason = '';
  #closedAt: number | undefined;

  /** @param now milliseconds of a clock */
  constructor(limits: BreakerLimits, now: () => number = () => performance.now()) {
    this.#limits = limits;
    this.#now = now;
  }

  /** Why no call may be made now; undefined where one may. */
  get refusal(): string | undefined {
    if (this.#closedAt === undefined) return undefined;
    const leftMs = this.#closedAt + this.#limits.coolDownMs - this.#now();
    if (leftMs <= 0) return undefined;
    const seconds = Math.ceil(leftMs / 1000);
    return `it is not asked for another ${seconds} s, as ${this.#failures} calls in a row have failed, the last with ${this.#reason}`;
  }

  /** A call was answered. */
  succeeded(): void {
    this.#failures = 0;
    this.#closedAt = undefined;
  }

  /** A call failed. */
  failed(reason: string): void {
    this.#failures += 1;
    this.#reason = reason;
    if (this.#failures >= this.#limits.failures) this.#closedAt = this.#now();
  }
}
