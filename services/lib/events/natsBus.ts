/** The event bus on NATS JetStream. */
import { messageOf, settlesWithin } from '@gapo/rpc';
import type { JetStreamClient, JetStreamManager, NatsConnection } from 'nats';
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
import { subjectOf, type CloudEvent } from './cloudEvent.js';
import { ConnectionWatch } from './connectionWatch.js';
import { RunCopy, type CopyTarget } from './copy/runCopy.js';
import { StreamCopy } from './copy/streamCopy.js';
import { deliver } from './delivery.js';
import { EventError } from './eventError.js';
import { Outboxes } from './outboxes.js';
import type { StreamOptions } from './stream.js';
import { readStream, type ReaderContext } from './streamReader.js';

/** A connection, and the stream's interface on it. */
export interface Opened {
  readonly connection: NatsConnection;
  readonly manager: JetStreamManager;
  /** Recreates the stream on a server that lost it. */
  readonly repairStream: () => Promise<void>;
}

/** Collaborators and options of the bus. */
export interface NatsBusOptions {
  /** The connection; undefined if the server does not answer yet. */
  opened: Opened | undefined;
  /** Connects again if the first attempt failed. */
  open: () => Promise<Opened>;
  stream: StreamOptions;
  source: string;
  onError: (error: EventError) => void;
}

/** Timeout of an acknowledgement. */
const ackTimeoutMs = 5000;

/** Delays between attempts to connect for the first time. */
const connectMs = [500, 1000, 2000, 5000];

/** Copies logs to the stream, and reads the stream through ephemeral consumers. Created by `connectEvents`. */
export class NatsBus implements EventBus {
  readonly transport = 'nats';
  readonly #options: NatsBusOptions;
  readonly #watch = new ConnectionWatch();
  readonly #copy: StreamCopy;
  readonly #copies = new Set<RunCopy>();
  readonly #outboxes: Outboxes;
  readonly #subscriptions = new Set<Subscription>();
  readonly #closing = new AbortController();
  readonly #counts = { published: 0, refused: 0 };
  #opened: (Opened & { readonly client: JetStreamClient }) | undefined;
  /** How long an outbox may keep sending when it is closed. */
  #closeMs = 5000;

  constructor(options: NatsBusOptions) {
    this.#options = options;
    const { stream, source, onError } = options;
    this.#outboxes = new Outboxes({ source, transport: this.transport, counts: this.#counts, onError });
    this.#copy = new StreamCopy({
      watch: this.#watch,
      target: () => this.#target,
      url: stream.url,
      repairStream: () => this.#server.repairStream(),
      signal: this.#closing.signal,
      onError,
    });
    if (options.opened === undefined) void this.#connect();
    else this.#attach(options.opened);
  }

  #attach(opened: Opened): void {
    this.#opened = { ...opened, client: opened.connection.jetstream({ timeout: ackTimeoutMs }) };
    this.#watch.attach(opened.connection, this.#options.onError);
  }

  async #connect(): Promise<void> {
    const { signal } = this.#closing;
    const { open, onError, stream } = this.#options;
    let said = '';
    for (let failures = 0; ; failures++) {
      await this.#watch.beforeRetry(failures, signal, connectMs);
      if (signal.aborted) return;
      try {
        const opened = await open();
        if (signal.aborted) return await opened.connection.close();
        this.#attach(opened);
        onError(new EventError('connection', `connected to NATS at ${stream.url}`));
        return;
      } catch (error) {
        const message = messageOf(error);
        // The first failure was reported by connectEvents.
        if (failures > 0 && message !== said) onError(new EventError('connection', message, error));
        said = message;
      }
    }
  }

  /** The connection. Use it only after {@link ConnectionWatch.whenConnected} has resolved. */
  get #server(): Opened & { readonly client: JetStreamClient } {
    if (this.#opened === undefined) throw new EventError('connection', 'the bus was closed before NATS answered');
    return this.#opened;
  }

  get #target(): CopyTarget {
    const { manager, client } = this.#server;
    const during = <T>(request: Promise<T>): Promise<T> => this.#watch.during(request, this.#closing.signal);
    return { manager, client, stream: this.#options.stream.name, during };
  }

  outbox(runId: string, options: OutboxOptions): Outbox {
    return this.#outboxes.open(runId, options, (log) => {
      const copy = new RunCopy({ runId, log, counts: this.#counts, onError: this.#options.onError });
      this.#copies.add(copy);
      this.#copy.add(copy);
      return {
        onEvent: () => this.#copy.wake(copy),
        onClose: async () => {
          if (this.#watch.connected) await this.#copy.flush(this.#closeMs, new Set([copy]));
          this.#copy.remove(copy);
          this.#copies.delete(copy);
          await copy.saveMark();
        },
      };
    });
  }

  get #reader(): ReaderContext {
    const { stream, onError } = this.#options;
    const { manager, client } = this.#server;
    return { manager, stream, client, watch: this.#watch, onError };
  }

  async subscribe(filter: EventFilter, handler: EventHandler, options: SubscribeOptions = {}): Promise<Subscription> {
    const subject = subjectOf(filter.runId, filter.kind);
    const stopping = new AbortController();
    const signals = [stopping.signal, this.#closing.signal, ...(options.signal === undefined ? [] : [options.signal])];
    const signal = AbortSignal.any(signals);
    await this.#watch.whenConnected(signal);
    const start = options.from === 'beginning' ? 1 : (await this.#lastSequence()) + 1;
    const opened = deferred();
    const closed = this.#run(subject, start, handler, signal, opened.resolve);
    await Promise.race([opened.promise, closed]);
    const subscription: Subscription = {
      closed,
      stop: () => {
        stopping.abort();
        return closed;
      },
    };
    this.#subscriptions.add(subscription);
    void closed.then(() => this.#subscriptions.delete(subscription));
    return subscription;
  }

  async #run(
    subject: string,
    start: number,
    handler: EventHandler,
    signal: AbortSignal,
    onOpen: () => void,
  ): Promise<void> {
    for await (const event of readStream(this.#reader, { subject, start, signal, onOpen })) {
      await deliver(event, handler, this.transport, this.#options.onError);
    }
  }

  async *replay(runId: string): AsyncIterable<CloudEvent> {
    const subject = subjectOf(runId, undefined);
    const end = await this.#lastSequence();
    if (end === 0) return;
    const complete = yield* readStream(this.#reader, { subject, start: 1, end, signal: this.#closing.signal });
    if (!complete) throw new EventError('connection', `the bus was closed before the replay of ${runId} had ended`);
  }

  async #lastSequence(): Promise<number> {
    await this.#watch.whenConnected(this.#closing.signal);
    const request = this.#server.manager.streams.info(this.#options.stream.name);
    const { state } = await this.#watch.during(request, this.#closing.signal);
    return state.last_seq;
  }

  flush(timeoutMs = 5000): Promise<boolean> {
    return this.#copy.flush(timeoutMs);
  }

  stats(): BusStats {
    const queued = [...this.#copies].reduce((sum, copy) => sum + copy.queued, 0);
    return { ...this.#counts, queued, connected: this.#watch.connected };
  }

  async close(timeoutMs = 5000): Promise<void> {
    this.#closeMs = timeoutMs;
    await this.#outboxes.close();
    this.#closing.abort();
    const ended = Promise.allSettled([...this.#subscriptions].map((subscription) => subscription.closed));
    await settlesWithin(ended, timeoutMs);
    const connection = this.#opened?.connection;
    // Draining needs a connected server. It fails if the connection breaks, but the connection is closed next
    // anyway.
    if (connection !== undefined && this.#watch.connected)
      await settlesWithin(
        connection.drain().catch(() => undefined),
        timeoutMs,
      );
    await connection?.close();
  }
}

function deferred(): { promise: Promise<void>; resolve: () => void } {
  let resolve = () => {};
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}
