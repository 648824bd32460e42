/** The interface of event buses, with a server or without. */
import type { CloudEvent, EventInput, EventKind } from './cloudEvent.js';
import type { LogLimits } from './log/eventLog.js';
import type { LoggedEvent } from './log/logReader.js';

/** Selects events. */
export interface EventFilter {
  /** Only events of this run. @default every run */
  runId?: string;
  /** Only events of this kind. @default every kind */
  kind?: EventKind;
}

/** Handles one event. The next one is delivered once it has settled. Errors it throws are passed to the bus's `onError`. */
export type EventHandler = (event: CloudEvent) => void | Promise<void>;

/** Options of a subscription. */
export interface SubscribeOptions {
  /** `beginning`: stored events, then new ones. `new`: only new ones. @default 'new' */
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
  /** Events acknowledged by the server (in process: delivered). */
  published: number;
  /** Events that cannot be published. */
  refused: number;
  /** Events in the logs that the server has not acknowledged yet. */
  queued: number;
  /** Whether the server is connected; true in process. */
  connected: boolean;
}

/** Where an outbox keeps its events. */
export interface OutboxOptions {
  /** The directory of the run's log; created with the first event. */
  directory: string;
  /** Called before each write. @throws if this process may not write any more @default allows every write */
  assertWritable?: () => void;
  /** Sizes of the log. @default defaultLimits */
  limits?: LogLimits;
}

/** Publishes the events of one run. */
export interface Outbox {
  /**
   * Appends an event to the run's log, from which it is copied to the server in the background. A lasting event is on disk when this returns. Never
   * throws and never waits for the server: errors are reported to the bus's `onError`. The active span becomes the parent of a PRODUCER span.
   *
   * @param data the message of the kind; published as its JSON
   * @param options.id unique within the run and kind, such as `12` for step 12. An event whose id is in the log is dropped, unless it describes a
   *   part of a step (`rollout`, `reward`, `gradient`), whose ids the caller keeps unique
   */
  publish<K extends EventKind>(kind: K, data: EventInput<K>, options: { id: string }): void;
  /** Returns the newest event of a kind in the log; undefined for the kinds of a step's parts. */
  newest<K extends EventKind>(kind: K): Extract<CloudEvent, { type: `gapo.v1.${K}` }> | undefined;
  /** Returns the event of a kind in the log that was published with an id; undefined for the kinds of a step's parts. */
  find(kind: EventKind, id: string): CloudEvent | undefined;
  /** The number of the newest event in the log; 0 before the first. */
  readonly last: number;
  /**
   * Reads the log from an event on, in order and in chunks, up to the newest one on disk now. Also works after {@link close}.
   *
   * @param after the number of the event before the first to read
   * @throws Error if the log cannot be flushed or read
   */
  read(after: number): AsyncIterable<readonly LoggedEvent[]>;
  /** Sends unacknowledged events for a few seconds if the server is connected, then closes the log. The next outbox sends what is left. */
  close(): Promise<void>;
}

/** Publishes and delivers the events of runs, in order. */
export interface EventBus {
  /** `nats`, or `in-process` if there is no server and events do not leave this process. */
  readonly transport: 'nats' | 'in-process';
  /**
   * Opens the log of a run and publishes the events that the server lacks.
   *
   * @throws UserError if the log cannot be read
   * @throws TypeError if the run's id cannot be part of a subject
   */
  outbox(runId: string, options: OutboxOptions): Outbox;
  /** Delivers events in order, each within a CONSUMER span whose parent is the publisher's. Waits for a server that is not connected. */
  subscribe(filter: EventFilter, handler: EventHandler, options?: SubscribeOptions): Promise<Subscription>;
  /**
   * Replays a run's events, oldest first, up to the newest at the time of the call. Waits for a server that is not connected.
   *
   * @throws EventError if the bus is closed before the end
   */
  replay(runId: string): AsyncIterable<CloudEvent>;
  /** Waits until the server has every event. Returns false if that takes longer than `timeoutMs`. @default 5000 */
  flush(timeoutMs?: number): Promise<boolean>;
  /** Returns the counters. */
  stats(): BusStats;
  /** Closes the outboxes (each within at most `timeoutMs`), ends the subscriptions, and closes the connection. */
  close(timeoutMs?: number): Promise<void>;
}
