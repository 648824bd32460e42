/** The event bus without a server: within one process, with a bounded history for replay. */
import { attributeNames, spanNames } from '@gapo/tracing';
import { context, SpanKind, trace } from '@opentelemetry/api';
import type { BusStats, EventBus, EventFilter, EventHandler, SubscribeOptions, Subscription } from './bus.js';
import {
  createEvent,
  decodeEvent,
  encodeEvent,
  kindOf,
  subjectOf,
  type CloudEvent,
  type EventInput,
  type EventKind,
} from './cloudEvent.js';
import { deliver, eventAttributes } from './delivery.js';
import { EventError, messageOf } from './eventError.js';

/** Options of the bus. */
export interface InProcessBusOptions {
  source: string;
  /** Events kept for replay and for subscriptions from the beginning. Beyond that the oldest are dropped. */
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
  /** Events by id, in the order of publication. */
  readonly #history = new Map<string, CloudEvent>();
  readonly #followers = new Set<Follower>();
  readonly #subscriptions = new Set<Subscription>();
  #published = 0;
  #refused = 0;
  #closed = false;

  constructor(options: InProcessBusOptions) {
    this.#options = options;
  }

  publish<K extends EventKind>(runId: string, kind: K, data: EventInput<K>, { id }: { id: string }): void {
    const parent = context.active();
    const span = trace.getTracer('gapo').startSpan(spanNames.eventPublish, { kind: SpanKind.PRODUCER }, parent);
    try {
      if (this.#closed) throw new EventError('refused', `event ${id}: the bus is closed`);
      subjectOf(runId, kind);
      const event = context.with(trace.setSpan(parent, span), () =>
        // Encoded and decoded, as with a server: a subscriber cannot change what others receive.
        decodeEvent(encodeEvent(createEvent(this.#options.source, runId, kind, data, id) as CloudEvent)),
      );
      span.setAttributes({ ...eventAttributes(event, this.transport), [attributeNames.messagingOperation]: 'publish' });
      this.#keep(event);
    } catch (error) {
      this.#refused++;
      this.#options.onError(error instanceof EventError ? error : new EventError('refused', messageOf(error), error));
    } finally {
      span.end();
    }
  }

  #keep(event: CloudEvent): void {
    if (this.#history.has(event.id)) return;
    this.#history.set(event.id, event);
    if (this.#history.size > this.#options.historyLimit) {
      const oldest = this.#history.keys().next();
      if (oldest.done !== true) this.#history.delete(oldest.value);
    }
    this.#published++;
    for (const follower of this.#followers) {
      if (matches(event, follower.filter)) follower.take(event);
    }
  }

  subscribe(filter: EventFilter, handler: EventHandler, options: SubscribeOptions = {}): Promise<Subscription> {
    subjectOf(filter.runId, filter.kind);
    const past =
      options.from === 'beginning' ? [...this.#history.values()].filter((event) => matches(event, filter)) : [];
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
    for (const event of [...this.#history.values()]) {
      if (matches(event, { runId })) yield event;
    }
  }

  flush(): Promise<boolean> {
    return Promise.resolve(true);
  }

  stats(): BusStats {
    return { published: this.#published, dropped: 0, refused: this.#refused, queued: 0, connected: true };
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all([...this.#subscriptions].map((subscription) => subscription.stop()));
  }
}

function matches(event: CloudEvent, { runId, kind }: EventFilter): boolean {
  return (runId === undefined || event.subject === runId) && (kind === undefined || kindOf(event) === kind);
}
