/** The gateway's single subscription to the events of all runs, distributed to the browsers that follow one. */
import type { CloudEvent, EventBus, Subscription } from '@gapo/events';

/** Events that may be queued for a follower before it is disconnected. It then reconnects and resumes where it was. */
const longestQueue = 10_000;

/** The new events of one run, queued for a reader. */
class Follower {
  readonly runId: string;
  readonly #queue: CloudEvent[] = [];
  #wake: () => void = () => undefined;
  #ended = false;

  constructor(runId: string) {
    this.runId = runId;
  }

  push(event: CloudEvent): void {
    if (this.#queue.length >= longestQueue) this.end();
    else this.#queue.push(event);
    this.#wake();
  }

  end(): void {
    this.#ended = true;
    this.#wake();
  }

  async *events(): AsyncGenerator<CloudEvent> {
    for (;;) {
      const next = this.#queue.shift();
      if (next !== undefined) yield next;
      else if (this.#ended) return;
      else await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }
}

/** Follows all runs on a bus, for any number of readers. */
export class EventHub {
  readonly #bus: EventBus;
  readonly #followers = new Set<Follower>();
  #subscription: Subscription | undefined;

  constructor(bus: EventBus) {
    this.#bus = bus;
  }

  /** Subscribes to the bus. Each event is handled within the trace that published it. */
  async start(): Promise<void> {
    this.#subscription = await this.#bus.subscribe({}, (event) => this.#distribute(event));
  }

  /**
   * Follows a run's events: the kept ones, then new ones.
   *
   * @param afterId the id of the last event that the reader has; with an unknown id, or undefined, all events are sent
   */
  async *follow(runId: string, afterId: string | undefined, signal: AbortSignal): AsyncGenerator<CloudEvent> {
    const follower = new Follower(runId);
    // Added before the replay: events that are published during it are duplicated, not missed.
    this.#followers.add(follower);
    const end = (): void => follower.end();
    signal.addEventListener('abort', end, { once: true });
    if (signal.aborted) end();
    try {
      const past: CloudEvent[] = [];
      for await (const event of this.#bus.replay(runId)) {
        if (signal.aborted) return;
        past.push(event);
      }
      const known = past.findIndex(({ id }) => id === afterId);
      yield* past.slice(known + 1);
      const sent = new Set(past.map(({ id }) => id));
      for await (const event of follower.events()) if (!sent.delete(event.id)) yield event;
    } finally {
      signal.removeEventListener('abort', end);
      this.#followers.delete(follower);
    }
  }

  /** Ends every follower and the subscription. */
  async stop(): Promise<void> {
    for (const follower of this.#followers) follower.end();
    await this.#subscription?.stop();
  }

  #distribute(event: CloudEvent): void {
    for (const follower of this.#followers) if (follower.runId === event.subject) follower.push(event);
  }
}
