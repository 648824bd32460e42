/** A bounded queue in front of a server that may be unreachable: in order, one at a time, the oldest dropped when it is full. */
import { settlesWithin } from '@gapo/rpc';

/** Options of a queue. */
export interface PublishQueueOptions<T> {
  /** Items that may be queued. */
  limit: number;
  /** Sends one item, with retries, until it is sent or refused. Rejects only once `signal` has aborted. */
  send(item: T, signal: AbortSignal): Promise<void>;
  /** Observes each dropped item. @param dropped items dropped so far */
  onDrop(item: T, dropped: number): void;
}

/** The items to send to a server. */
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

  /** Number of items that are not sent yet. */
  get size(): number {
    return this.#waiting.length + (this.#inFlight === undefined ? 0 : 1);
  }

  /** Adds an item. Where the queue is full, drops the oldest that is not being sent. */
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
    // Starts in a later turn of the event loop, so that the caller continues first.
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

  /** Waits until the queue is empty, for at most `timeoutMs`. Returns whether it is. */
  async flush(timeoutMs: number): Promise<boolean> {
    await settlesWithin(Promise.resolve(this.#pumping), timeoutMs);
    return this.size === 0;
  }

  /** Flushes, then drops what is left and accepts no more. */
  async close(timeoutMs: number): Promise<void> {
    await this.flush(timeoutMs);
    this.#abort.abort();
    for (const item of this.#waiting.splice(0)) this.#drop(item);
    await this.#pumping;
  }
}
