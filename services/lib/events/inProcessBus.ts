/** The event bus without a server: within one process, with a bounded history for replay. */
import type {
  BusStats,
  EventBus,
  EventFilter,
  EventHandler,
  Outbox,
  OutboxOptions,
  SubscribeOptions,
  Subscription,
} from './bus.js';
import { decodeEvent, encodeEvent, kindOf, subjectOf, type CloudEvent } from './cloudEvent.js';
import { deliver } from './delivery.js';
import type { EventError } from './eventError.js';
import { Outboxes } from './outboxes.js';

/** Options of the bus. */
export interface InProcessBusOptions {
  source: string;
  /**
   * Number of events kept for replay and for subscriptions from the beginning. Beyond that, the oldest are
   * dropped.
   */
  historyLimit: number;
  onError: (error: EventError) => void;
}

interface Follower {
  filter: EventFilter;
  take(event: CloudEvent): void;
}

/** Delivers events to subscribers in this process. Created by `connectEvents({ inProcess: true })`. */
export class InProcessBus implements EventBus {
  readonly transport = 'in-process';
  readonly #options: InProcessBusOptions;
  /** Events in the order of publication. */
  readonly #history: CloudEvent[] = [];
  readonly #outboxes: Outboxes;
  readonly #followers = new Set<Follower>();
  readonly #subscriptions = new Set<Subscription>();
  readonly #counts = { published: 0, refused: 0 };
  #closed = false;

  constructor(options: InProcessBusOptions) {
    this.#options = options;
    const { source, onError } = options;
    this.#outboxes = new Outboxes({ source, transport: this.transport, counts: this.#counts, onError });
  }

  outbox(runId: string, options: OutboxOptions): Outbox {
    // Encoded and decoded, as with a server, so that a subscriber cannot change what others receive.
    const onEvent = (event: CloudEvent): void => this.#keep(decodeEvent(encodeEvent(event)));
    return this.#outboxes.open(runId, options, () => ({ onEvent, onClose: async () => undefined }));
  }

  #keep(event: CloudEvent): void {
    this.#history.push(event);
    if (this.#history.length > this.#options.historyLimit) this.#history.shift();
    this.#counts.published++;
    for (const follower of this.#followers) {
      if (matches(event, follower.filter)) follower.take(event);
    }
  }

  subscribe(filter: EventFilter, handler: EventHandler, options: SubscribeOptions = {}): Promise<Subscription> {
    subjectOf(filter.runId, filter.kind);
    const past = options.from === 'beginning' ? [...this.#history].filter((event) => matches(event, filter)) : [];
    const stopping = new AbortController();
    const { signal } = stopping;
    let tail = Promise.resolve();
    const take = (event: CloudEvent) => {
      tail = tail.then(() =>
        signal.aborted ? undefined : deliver(event, handler, this.transport, this.#options.onError),
      );
    };
    const follower: Follower = { filter, take };
    const closed = new Promise<void>((resolve) => {
      signal.addEventListener('abort', () => {
        this.#followers.delete(follower);
        this.#subscriptions.delete(subscription);
        options.signal?.removeEventListener('abort', onAbort);
        void tail.then(resolve);
      });
    });
    const stop = () => {
      stopping.abort();
      return closed;
    };
    const onAbort = (): void => void stop();
    const subscription: Subscription = { closed, stop };
    this.#subscriptions.add(subscription);
    this.#followers.add(follower);
    past.forEach(take);
    options.signal?.addEventListener('abort', onAbort, { once: true });
    if (this.#closed || options.signal?.aborted === true) void stop();
    return Promise.resolve(subscription);
  }

  async *replay(runId: string): AsyncIterable<CloudEvent> {
    subjectOf(runId, undefined);
    for (const event of [...this.#history]) {
      if (matches(event, { runId })) yield event;
    }
  }

  flush(): Promise<boolean> {
    return Promise.resolve(true);
  }

  stats(): BusStats {
    return { ...this.#counts, queued: 0, connected: true };
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#outboxes.close();
    await Promise.all([...this.#subscriptions].map((subscription) => subscription.stop()));
  }
}

function matches(event: CloudEvent, { runId, kind }: EventFilter): boolean {
  return (runId === undefined || event.subject === runId) && (kind === undefined || kindOf(event) === kind);
}
