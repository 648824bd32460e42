/** The gateway's one subscription to every run's events, handed on to whoever follows a run in a browser. */
import type { CloudEvent, EventBus, Subscription } from '@gapo/events';

/** Events that a follower may be behind before it is cut off; it then connects again from where it was. */
const longestQueue = 10_000;

/** One run's events as they come. */
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

/** Follows every run on a bus, for any number of readers. */
export class EventHub {
  readonly #bus: EventBus;
  readonly #followers = new Set<Follower>();
  #subscription: Subscription | undefined;

  constructor(bus: EventBus) {
    this.#bus = bus;
  }

  /** Begins to listen: each event is handled inside a span of the trace that published it. */
  async start(): Promise<void> {
    this.#subscription = await this.#bus.subscribe({}, (event) => this.#handOn(event));
  }

  /**
   * A run's events from the first one that is kept, then each as it comes.
   *
   * @param afterId the last event that the reader has; unknown or undefined: all of them
   */
  async *follow(runId: string, afterId: string | undefined, signal: AbortSignal): AsyncGenerator<CloudEvent> {
    const follower = new Follower(runId);
    // Before the replay: what is published while it runs is not missed, only seen twice.
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

  #handOn(event: CloudEvent): void {
    for (const follower of this.#followers) if (follower.runId === event.subject) follower.push(event);
  }
}
