/** What every event bus can do, with a server or without. */
import type { CloudEvent, EventInput, EventKind } from './cloudEvent.js';

/** Which events. */
export interface EventFilter {
  /** Only this run's. @default every run's */
  runId?: string;
  /** Only of this kind. @default every kind */
  kind?: EventKind;
}

/** Handles one event; the next is delivered when it has settled. What it throws reaches the bus's `onError`. */
export type EventHandler = (event: CloudEvent) => void | Promise<void>;

/** Where a subscription begins, and what ends it. */
export interface SubscribeOptions {
  /** `beginning`: everything that is kept, then what comes; `new`: only what comes. @default 'new' */
  from?: 'beginning' | 'new';
  /** Ends the subscription when aborted. */
  signal?: AbortSignal;
}

/** A subscription that runs until it is stopped, its signal is aborted or the bus is closed. */
export interface Subscription {
  /** Resolves when the last handler has settled and nothing more will be delivered. */
  readonly closed: Promise<void>;
  /** Ends the subscription; resolves with `closed`. */
  stop(): Promise<void>;
}

/** What a bus has done so far. */
export interface BusStats {
  /** Events that the server acknowledged (in process: that were delivered). */
  published: number;
  /** Events lost because the queue was full, or because `close` ran out of time. */
  dropped: number;
  /** Events that could never be published. */
  refused: number;
  /** Events that wait for the server. */
  queued: number;
  /** Whether the server is connected; true in process. */
  connected: boolean;
}

/** Publishes a run's events and delivers them, in order. */
export interface EventBus {
  /** `nats`, or `in-process` where there is no server and events stay in this process. */
  readonly transport: 'nats' | 'in-process';
  /**
   * Queues an event and returns at once; events are sent in the order of the calls. Never throws and never waits: what
   * cannot be sent is reported to `onError`. The active span becomes the parent of a PRODUCER span that lasts until the
   * server has the event.
   *
   * @param options.id unique within the run and kind, as `12` for the step 12; a second event with the same id is dropped
   *   by the server, so that what may not have arrived can be published again
   */
  publish<K extends EventKind>(runId: string, kind: K, data: EventInput<K>, options: { id: string }): void;
  /** Delivers events in order, each inside a CONSUMER span whose parent is the publisher's. */
  subscribe(filter: EventFilter, handler: EventHandler, options?: SubscribeOptions): Promise<Subscription>;
  /**
   * A run's events so far, oldest first; ends after the one that was the last when it began. A server that goes away
   * meanwhile is waited for. Throws an EventError where the bus is closed before the end.
   */
  replay(runId: string): AsyncIterable<CloudEvent>;
  /** Waits until everything queued is published; false where that took longer than `timeoutMs`. @default 5000 */
  flush(timeoutMs?: number): Promise<boolean>;
  /** What the bus has done so far. */
  stats(): BusStats;
  /** Ends the subscriptions, sends what is queued (for at most `timeoutMs`), and closes the connection. */
  close(timeoutMs?: number): Promise<void>;
}
