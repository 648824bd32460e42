/** The lease on a worker's jobs: it lapses once the worker has given no sign of life for long enough. */

/** Options of a {@link Lease}. */
export interface LeaseOptions {
  /** Milliseconds of silence after which it lapses. */
  readonly leaseMs: number;
  /** Asks the worker for a sign of life; rejects where there is none. */
  readonly ask: () => Promise<unknown>;
  /** Called once, when the lease lapses. */
  readonly lapsed: () => void;
}

/** Silence is counted in this many ticks of a timer: however long this process itself was stopped, that is one tick. */
const ticks = 8;
/** Ticks of silence before the worker is asked. */
const patience = 2;

/** A lease that signs of life renew. Every message of a worker is one; without messages, the worker is asked for one. */
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

  /** Stops the lease; it no longer lapses. */
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
