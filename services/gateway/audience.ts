/** The readers that follow one run, and the delivery of events to them. */
import type { CloudEvent } from '@gapo/events';

/** Events that may be queued for a follower before it is disconnected. It then reconnects and resumes where it left off. */
const longestQueue = 10_000;

/**
 * New events of a run are delivered to its followers at most once per this many milliseconds times the number of followers, so
 * that many followers take a bounded share of CPU time: a write costs far more than the event in it. With 500 followers, twice a
 * second.
 */
const gatherMsPerFollower = 1;

/** Events in order, shared by all followers. */
export type EventBatch = readonly CloudEvent[];

/** The new events of one run, queued for a reader. */
export class Follower {
  readonly #queue: EventBatch[] = [];
  #queued = 0;
  #wake: () => void = () => undefined;
  #ended = false;

  push(batch: EventBatch): void {
    // Ends after what is queued, because the reader resumes after the last event it received.
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

/** A run's stored events, shared by all readers that start following while they are being read. */
export interface Replay {
  /** The stored events, then those delivered to followers while they were being read, each once. */
  readonly known: Promise<EventBatch>;
  /** Batches delivered to followers so far. */
  readonly newer: EventBatch[];
}

/** The followers of one run, and its events that have not been delivered yet. */
export class Audience {
  /** The replay in progress, if any. */
  replay: Replay | undefined;
  readonly #followers = new Set<Follower>();
  #gathered: CloudEvent[] = [];
  #handedAt = -Infinity;
  #timer: NodeJS.Timeout | undefined;

  /** Whether nobody follows the run or reads its stored events. */
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
    if (wait <= 0) this.#passOn();
    else this.#timer ??= setTimeout(() => this.#passOn(), wait).unref();
  }

  /** Delivers what is left and ends every follower. */
  end(): void {
    this.#passOn();
    for (const follower of this.#followers) follower.end();
  }

  #passOn(): void {
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
