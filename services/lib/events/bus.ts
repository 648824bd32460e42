/** The interface of event buses, with a server or without. */
import type { CloudEvent, EventInput, EventKind } from './cloudEvent.js';

/** Selects events. */
export interface EventFilter {
  /** Only events of this run. @default every run */
  runId?: string;
  /** Only events of this kind. @default every kind */
  kind?: EventKind;
}

/** Handles one event. The next one is delivered once it has settled. What it throws is passed to the bus's `onError`. */
export type EventHandler = (event: CloudEvent) => void | Promise<void>;

/** Options of a subscription. */
export interface SubscribeOptions {
  /** `beginning`: the kept events, then new ones. `new`: only new ones. @default 'new' */
  from?: 'beginning' | 'new';
  /** Ends the subscription when aborted. */
  signal?: AbortSignal;
}

/** A subscription. It ends when it is stopped, its signal aborts or the bus is closed. */
export interface Subscription {
  /** Resolves when the last handler has settled and no event will follow. */
  readonly closed: Promise<void>;
  /** Ends the subscription; resolves with `closed`. */
  stop(): Promise<void>;
}

/** Counters of a bus. */
export interface BusStats {
  /** Events that the server acknowledged (in process: that were delivered). */
  published: number;
  /** Events lost because the queue was full, or because `close` timed out. */
  dropped: number;
  /** Events that cannot be published. */
  refused: number;
  /** Events in the queue. */
  queued: number;
  /** Whether the server is connected; true in process. */
  connected: boolean;
}

/** Publishes and delivers the events of runs, in order. */
export interface EventBus {
  /** `nats`, or `in-process` where there is no server and events do not leave this process. */
  readonly transport: 'nats' | 'in-process';
  /**
   * Queues an event and returns at once. Events are sent in the order of the calls. Never throws and never waits: an event that cannot be
   * sent is reported to `onError`. The active span becomes the parent of a PRODUCER span that lasts until the server has the event.
   *
   * @param data the message of the kind; published as its JSON
   * @param options.id unique within the run and kind, such as `12` for step 12. The server drops a second event with the same id, which
   *   makes publishing idempotent
   */
  publish<K extends EventKind>(runId: string, kind: K, data: EventInput<K>, options: { id: string }): void;
  /** Delivers events in order, each within a CONSUMER span whose parent is the publisher's. */
  subscribe(filter: EventFilter, handler: EventHandler, options?: SubscribeOptions): Promise<Subscription>;
  /**
   * Replays a run's events, oldest first, up to the newest at the time of the call. Waits for a server that disconnects meanwhile.
   *
   * @throws EventError where the bus is closed before the end
   */
  replay(runId: string): AsyncIterable<CloudEvent>;
  /** Waits until the queue is empty. Returns false where that took longer than `timeoutMs`. @default 5000 */
  flush(timeoutMs?: number): Promise<boolean>;
  /** Returns the counters. */
  stats(): BusStats;
  /** Sends what is queued (for at most `timeoutMs`), ends the subscriptions, and closes the connection. */
  close(timeoutMs?: number): Promise<void>;
}
