/** The readers that follow one run, and what they are handed. */
import type { CloudEvent } from '@gapo/events';

/** Events that may be queued for a follower before it is disconnected. It then reconnects and resumes where it was. */
const longestQueue = 10_000;

/**
 * New events of a run are handed to its followers at most once in this time for each of them, so that many take a bounded share of
 * the processor: a write costs far more than the event in it. With 500 followers, twice a second.
 */
const gatherMsPerFollower = 1;

/** Events in order, which all followers share. */
export type EventBatch = readonly CloudEvent[];

/** The new events of one run, queued for a reader. */
export class Follower {
  readonly #queue: EventBatch[] = [];
  #queued = 0;
  #wake: () => void = () => undefined;
  #ended = false;

  push(batch: EventBatch): void {
    // Ends after what is queued, since the reader resumes after the last event that it got.
    if (this.#queued >= longestQueue) this.#ended = true;
    if (!this.#ended) {
      this.#queue.push(batch);
      this.#queued += batch.length;
    }
    this.#wake();
  }

  end(): void {
    this.#ended = true;
    this.#wake();
  }

  async *batches(): AsyncGenerator<EventBatch> {
    for (;;) {
      const next = this.#queue.shift();
      if (next !== undefined) {
        this.#queued -= next.length;
        yield next;
      } else if (this.#ended) return;
      else await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }
}

/** A run's kept events, which all readers share that begin to follow while they are read. */
export interface Replay {
  /** The kept events, then those that followers were handed while they were read, each once. */
  readonly known: Promise<EventBatch>;
  /** What followers were handed so far. */
  readonly newer: EventBatch[];
}

/** The followers of one run, and its events that they have not been handed yet. */
export class Audience {
  /** The replay in progress, if any. */
  replay: Replay | undefined;
  readonly #followers = new Set<Follower>();
  #gathered: CloudEvent[] = [];
  #handedAt = -Infinity;
  #timer: NodeJS.Timeout | undefined;

  /** Whether nobody follows the run or reads its kept events. */
  get isEmpty(): boolean {
    return this.#followers.size === 0 && this.replay === undefined;
  }

  join(follower: Follower): void {
    this.#followers.add(follower);
  }

  leave(follower: Follower): void {
    this.#followers.delete(follower);
  }

  add(event: CloudEvent): void {
    this.#gathered.push(event);
    const wait = this.#handedAt + this.#followers.size * gatherMsPerFollower - performance.now();
    if (wait <= 0) this.#handOn();
    else this.#timer ??= setTimeout(() => this.#handOn(), wait).unref();
  }

  /** Hands on what is left, and ends every follower. */
  end(): void {
    this.#handOn();
    for (const follower of this.#followers) follower.end();
  }

  #handOn(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#handedAt = performance.now();
    const batch = this.#gathered;
    if (batch.length === 0) return;
    this.#gathered = [];
    this.replay?.newer.push(batch);
    for (const follower of this.#followers) follower.push(batch);
  }
}
