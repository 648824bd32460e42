/** The lease on a worker's jobs. It expires if the worker gives no sign of life for too long. */

/** Options of a {@link Lease}. */
export interface LeaseOptions {
  /** Milliseconds of silence after which it expires. */
  readonly leaseMs: number;
  /** Asks the worker for a sign of life; rejects if there is none. */
  readonly ask: () => Promise<unknown>;
  /** Called once, when the lease expires. */
  readonly lapsed: () => void;
}

/**
 * Silence is counted in this many timer ticks. If this process itself is stopped, that counts as one tick, however long
 * it lasts.
 */
const ticks = 8;
/** Ticks of silence before asking the worker. */
const patience = 2;

/**
 * A lease that is renewed by signs of life. Every message from a worker is one; if there are no messages, the worker is
 * asked for one.
 */
export class Lease {
  readonly #options: LeaseOptions;
  readonly #timer: NodeJS.Timeout;
  #silent = 0;
  #asking = false;

  constructor(options: LeaseOptions) {
    this.#options = options;
    this.#timer = setInterval(() => this.#tick(), options.leaseMs / ticks);
  }

  /** Records a sign of life. */
  renew(): void {
    this.#silent = 0;
  }

  /** Ends the lease; it no longer expires. */
  end(): void {
    clearInterval(this.#timer);
  }

  #tick(): void {
    this.#silent += 1;
    if (this.#silent > ticks) {
      this.end();
      this.#options.lapsed();
    } else if (this.#silent >= patience && !this.#asking) void this.#ask();
  }

  async #ask(): Promise<void> {
    this.#asking = true;
    try {
      await this.#options.ask();
      this.renew();
    } catch {
      // Silence: the next tick asks again.
    } finally {
      this.#asking = false;
    }
  }
}
