/** A bounded queue in front of a server that may be away: in order, one at a time, the oldest dropped when it is full. */

import { settlesWithin } from './timeLimit.js';

/** How a queue sends and what it reports. */
export interface PublishQueueOptions<T> {
  /** How many items may wait. */
  limit: number;
  /** Sends one item; tries again for itself until it is sent or can never be. Rejects only once `signal` is aborted. */
  send(item: T, signal: AbortSignal): Promise<void>;
  /** Told of each item that was dropped, and how many were so far. */
  onDrop(item: T, dropped: number): void;
}

/** Items on their way to a server. */
export class PublishQueue<T> {
  /** Items dropped so far. */
  dropped = 0;
  readonly #options: PublishQueueOptions<T>;
  readonly #abort = new AbortController();
  #waiting: T[] = [];
  #inFlight: T | undefined;
  #pumping: Promise<void> | undefined;

  constructor(options: PublishQueueOptions<T>) {
    this.#options = options;
  }

  /** Items that are not sent yet. */
  get size(): number {
    return this.#waiting.length + (this.#inFlight === undefined ? 0 : 1);
  }

  /** Takes an item; drops the oldest that is not being sent where there is no room. */
  push(item: T): void {
    if (this.#abort.signal.aborted) {
      this.#drop(item);
      return;
    }
    this.#waiting.push(item);
    if (this.#waiting.length > this.#options.limit) {
      const oldest = this.#waiting.shift();
      if (oldest !== undefined) this.#drop(oldest);
    }
    this.#pumping ??= this.#pump();
  }

  async #pump(): Promise<void> {
    // Starts in a later turn: the caller's step goes on first.
    await Promise.resolve();
    for (;;) {
      const item = this.#waiting.shift();
      if (item === undefined) break;
      this.#inFlight = item;
      try {
        await this.#options.send(item, this.#abort.signal);
      } catch {
        this.#drop(item);
      } finally {
        this.#inFlight = undefined;
      }
    }
    this.#pumping = undefined;
  }

  #drop(item: T): void {
    this.dropped++;
    this.#options.onDrop(item, this.dropped);
  }

  /** Waits until nothing is left, for at most `timeoutMs`; whether nothing was left. */
  async flush(timeoutMs: number): Promise<boolean> {
    await settlesWithin(Promise.resolve(this.#pumping), timeoutMs);
    return this.size === 0;
  }

  /** Flushes, then drops what is left and takes no more. */
  async close(timeoutMs: number): Promise<void> {
    await this.flush(timeoutMs);
    this.#abort.abort();
    for (const item of this.#waiting.splice(0)) this.#drop(item);
    await this.#pumping;
  }
}
