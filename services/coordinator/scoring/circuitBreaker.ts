/**
 * A circuit breaker: consecutive failures open it, and while it is open it rejects calls, so that the service can
 * recover. After the cool-down it is half-open: calls go through, a failure opens it again, and a success closes it.
 */

/** When a breaker opens, and for how long. */
export interface BreakerLimits {
  /** Consecutive failures that open it. */
  readonly failures: number;
  /** Milliseconds that it stays open. */
  readonly coolDownMs: number;
}

/** The circuit breaker of one service. */
export class CircuitBreaker {
  readonly #limits: BreakerLimits;
  readonly #now: () => number;
  #failures = 0;
  #reason = '';
  #openedAt: number | undefined;

  /** @param now a clock, in milliseconds */
  constructor(limits: BreakerLimits, now: () => number = () => performance.now()) {
    this.#limits = limits;
    this.#now = now;
  }

  /** Why it rejects calls; undefined unless it is open. */
  get rejection(): string | undefined {
    if (this.#openedAt === undefined) return undefined;
    const leftMs = this.#openedAt + this.#limits.coolDownMs - this.#now();
    if (leftMs <= 0) return undefined;
    const seconds = Math.ceil(leftMs / 1000);
    return `the circuit breaker is open for another ${seconds} s: ${this.#failures} calls in a row failed, the last with ${this.#reason}`;
  }

  /** Records a call that succeeded. */
  succeeded(): void {
    this.#failures = 0;
    this.#openedAt = undefined;
  }

  /** Records a call that failed. */
  failed(reason: string): void {
    this.#failures += 1;
    this.#reason = reason;
    if (this.#failures >= this.#limits.failures) this.#openedAt = this.#now();
  }
}
