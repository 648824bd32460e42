/** The event bus on NATS JetStream. */
import { faultPointAsync } from '@gapo/faults';
import { settlesWithin } from '@gapo/rpc';
import { attributeNames, injectTraceparent, spanNames } from '@gapo/tracing';
import { context, SpanKind, SpanStatusCode, trace, type Span } from '@opentelemetry/api';
import {
  headers,
  NatsError,
  type JetStreamClient,
  type JetStreamManager,
  type MsgHdrs,
  type NatsConnection,
} from 'nats';
import type { BusStats, EventBus, EventFilter, EventHandler, SubscribeOptions, Subscription } from './bus.js';
import { createEvent, encodeEvent, subjectOf, type CloudEvent, type EventInput, type EventKind } from './cloudEvent.js';
import { ConnectionWatch } from './connectionWatch.js';
import { deliver, eventAttributes } from './delivery.js';
import { EventError, messageOf } from './eventError.js';
import { deniedBy } from './permissions.js';
import { PublishQueue } from './publishQueue.js';
import type { StreamOptions } from './stream.js';
import { readStream, type ReaderContext } from './streamReader.js';

/** Collaborators and options of the bus. */
export interface NatsBusOptions {
  connection: NatsConnection;
  manager: JetStreamManager;
  stream: StreamOptions;
  source: string;
  queueLimit: number;
  /** Recreates the stream on a server that lost it. */
  repairStream: () => Promise<void>;
  onError: (error: EventError) => void;
}

interface Outgoing {
  subject: string;
  id: string;
  payload: Uint8Array;
  headers: MsgHdrs;
  span: Span;
}

/** Timeout of an acknowledgement. A late event is sent again with the same id. */
const ackTimeoutMs = 5000;

/** Delays between attempts to publish. A reconnection ends the delay. */
const retryMs = [100, 250, 500, 1000, 2000, 5000];

/** Publishes through a queue and reads through ephemeral consumers. Created by `connectEvents`. */
export class NatsBus implements EventBus {
  readonly transport = 'nats';
  readonly #options: NatsBusOptions;
  readonly #client: JetStreamClient;
  readonly #watch: ConnectionWatch;
  readonly #queue: PublishQueue<Outgoing>;
  readonly #subscriptions = new Set<Subscription>();
  readonly #closing = new AbortController();
  #published = 0;
  #refused = 0;

  constructor(options: NatsBusOptions) {
    this.#options = options;
    this.#client = options.connection.jetstream({ timeout: ackTimeoutMs });
    this.#watch = new ConnectionWatch(options.connection, options.onError);
    this.#queue = new PublishQueue({
      limit: options.queueLimit,
      send: (item, signal) => this.#send(item, signal),
      onDrop: (item, dropped) => this.#onDrop(item, dropped),
    });
  }

  publish<K extends EventKind>(runId: string, kind: K, data: EventInput<K>, { id }: { id: string }): void {
    const parent = context.active();
    const span = trace.getTracer('gapo').startSpan(spanNames.eventPublish, { kind: SpanKind.PRODUCER }, parent);
    try {
      const item = context.with(trace.setSpan(parent, span), () => this.#outgoing(runId, kind, data, id, span));
      this.#queue.push(item);
    } catch (error) {
      this.#refuse(span, error instanceof EventError ? error : new EventError('refused', messageOf(error), error));
    }
  }

  #outgoing<K extends EventKind>(runId: string, kind: K, data: EventInput<K>, id: string, span: Span): Outgoing {
    const subject = subjectOf(runId, kind);
    const event = createEvent(this.#options.source, runId, kind, data, id) as CloudEvent;
    const payload = encodeEvent(event);
    span.setAttributes({ ...eventAttributes(event, this.transport), [attributeNames.messagingOperation]: 'publish' });
    const carried = headers();
    for (const [name, value] of Object.entries(injectTraceparent())) carried.set(name, String(value));
    return { subject, id: event.id, payload, headers: carried, span };
  }

  async #send(item: Outgoing, signal: AbortSignal): Promise<void> {
    for (let failures = 0; ; failures++) {
      await this.#watch.whenConnected(signal);
      if (signal.aborted) throw new Error('closed');
      try {
        await faultPointAsync('event.publish', item.id);
        const request = this.#client.publish(item.subject, item.payload, { msgID: item.id, headers: item.headers });
        await this.#watch.during(request, signal);
        await faultPointAsync('event.published', item.id);
        this.#published++;
        item.span.end();
        return;
      } catch (error) {
        if (signal.aborted) throw error;
        if (isPermanent(error)) {
          this.#refuse(item.span, new EventError('refused', `event ${item.id}: ${messageOf(error)}`, error));
          return;
        }
        if (this.#watch.connected) {
          this.#options.onError(
            new EventError('retrying', `event ${item.id} is not published yet, retrying: ${messageOf(error)}`, error),
          );
          await this.#repair(error);
        }
        await this.#watch.changed(retryMs[Math.min(failures, retryMs.length - 1)] ?? 0, signal);
      }
    }
  }

  /** Recreates the stream where the server answers without knowing it: its storage was lost. */
  async #repair(error: unknown): Promise<void> {
    if (!(error instanceof NatsError) || error.code !== '503') return;
    await this.#options.repairStream().catch((cause: unknown) => {
      this.#options.onError(new EventError('connection', messageOf(cause), cause));
    });
  }

  #refuse(span: Span, error: EventError): void {
    this.#refused++;
    span.recordException(error);
    span.setStatus({ code: SpanStatusCode.ERROR, message: error.message });
    span.end();
    this.#options.onError(error);
  }

  #onDrop(item: Outgoing, dropped: number): void {
    item.span.setStatus({ code: SpanStatusCode.ERROR, message: 'dropped' });
    item.span.end();
    // Reported at each power of two, so that a long outage does not flood the log.
    if (Number.isInteger(Math.log2(dropped))) {
      const message = `${dropped} event${dropped === 1 ? '' : 's'} dropped so far, the last one ${item.id}: ${this.#closing.signal.aborted ? 'the bus is closed' : 'NATS was unreachable for too long'}`;
      this.#options.onError(new EventError('dropped', message));
    }
  }

  get #reader(): ReaderContext {
    const { manager, stream, onError } = this.#options;
    return { manager, stream, client: this.#client, watch: this.#watch, onError };
  }

  async subscribe(filter: EventFilter, handler: EventHandler, options: SubscribeOptions = {}): Promise<Subscription> {
    const subject = subjectOf(filter.runId, filter.kind);
    const stopping = new AbortController();
    const signals = [stopping.signal, this.#closing.signal, ...(options.signal === undefined ? [] : [options.signal])];
    const signal = AbortSignal.any(signals);
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
    const request = this.#options.manager.streams.info(this.#options.stream.name);
    const { state } = await this.#watch.during(request, this.#closing.signal);
    return state.last_seq;
  }

  flush(timeoutMs = 5000): Promise<boolean> {
    return this.#queue.flush(timeoutMs);
  }

  stats(): BusStats {
    return {
      published: this.#published,
      dropped: this.#queue.dropped,
      refused: this.#refused,
      queued: this.#queue.size,
      connected: this.#watch.connected,
    };
  }

  async close(timeoutMs = 5000): Promise<void> {
    const { connection } = this.#options;
    await this.#queue.close(timeoutMs);
    this.#closing.abort();
    const ended = Promise.allSettled([...this.#subscriptions].map((subscription) => subscription.closed));
    await settlesWithin(ended, timeoutMs);
    // Draining needs a connected server. It fails where the connection breaks, which is closed next anyway.
    if (this.#watch.connected)
      await settlesWithin(
        connection.drain().catch(() => undefined),
        timeoutMs,
      );
    await connection.close();
  }
}

/** Whether an error is permanent, so that a retry cannot succeed. */
function isPermanent(error: unknown): boolean {
  if (!(error instanceof NatsError)) return false;
  return (
    ['MAX_PAYLOAD_EXCEEDED', 'BAD_SUBJECT', 'BAD_HEADER'].includes(error.code) ||
    deniedBy(error) !== undefined ||
    error.api_error?.code === 400
  );
}

function deferred(): { promise: Promise<void>; resolve: () => void } {
  let resolve = () => {};
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}
