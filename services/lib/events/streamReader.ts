/**
 * Reads the stream in order, without gaps and without end: an ephemeral consumer that is made anew from the last message
 * read whenever a message or a heartbeat is missed, the consumer is gone or the connection was lost.
 */
import {
  AckPolicy,
  ConsumerEvents,
  DeliverPolicy,
  nanos,
  type ConsumerConfig,
  type ConsumerMessages,
  type JetStreamClient,
  type JetStreamManager,
} from 'nats';
import { decodeEvent, type CloudEvent } from './cloudEvent.js';
import type { ConnectionWatch } from './connectionWatch.js';
import { EventError, messageOf } from './eventError.js';
import { streamName } from './stream.js';

/** What a reader works with. */
export interface ReaderContext {
  manager: JetStreamManager;
  client: JetStreamClient;
  watch: ConnectionWatch;
  onError: (error: EventError) => void;
}

/** What to read. */
export interface ReadOptions {
  /** A subject, with `*` for any word. */
  subject: string;
  /** The stream's first sequence number to deliver, from 1. */
  start: number;
  /** Ends after the message with this number, or the last one on the subject before it. @default never */
  end?: number;
  /** Ends the reading when aborted. */
  signal: AbortSignal;
  /** Called once, when the first consumer stands: what is published from now on will be read. */
  onOpen?: () => void;
}

/** The server ends a heartbeat-less pull; two missed in a row mean that the consumer is gone. */
const heartbeatMs = 5_000;
const pullExpiresMs = 30_000;
const mostMissed = 2;

/** The server removes a consumer that nobody pulls from. */
const inactiveMs = 60_000;

/** Waits between attempts to make a consumer; a connection that comes back ends the wait. */
const retryMs = [100, 250, 500, 1000, 2000, 5000];

/**
 * The events on a subject. Messages that are no events are reported and passed over.
 *
 * @returns whether everything up to `end` was read; false where `signal` ended the reading
 */
export async function* readStream(context: ReaderContext, options: ReadOptions): AsyncGenerator<CloudEvent, boolean> {
  const { manager, client, watch, onError } = context;
  const { subject, signal, end = Infinity } = options;
  let next = options.start;
  let failures = 0;
  let opened = options.onOpen;
  while (!signal.aborted) {
    // A request without a connection would only run out of time.
    await watch.whenConnected(signal);
    let messages: ConsumerMessages | undefined;
    let release: (() => void) | undefined;
    let name: string | undefined;
    try {
      const info = await watch.during(manager.consumers.add(streamName, consumerConfig(subject, next)), signal);
      opened?.();
      opened = undefined;
      failures = 0;
      name = info.name;
      if (end !== Infinity && info.num_pending === 0) return true;
      const consumer = await watch.during(client.consumers.get(streamName, info.name), signal);
      messages = await consumer.consume({
        max_messages: 500,
        expires: pullExpiresMs,
        idle_heartbeat: heartbeatMs,
        abort_on_missing_resource: true,
      });
      release = stopWhenLost(messages, watch, signal);
      let delivered = 0;
      for await (const message of messages) {
        // A consumer numbers its messages from 1: a hole means that one was lost on the way.
        if (message.info.deliverySequence !== delivered + 1) break;
        delivered++;
        next = message.seq + 1;
        if (message.seq > end) return true;
        const event = decoded(message.data, onError);
        if (event !== undefined) yield event;
        if (end !== Infinity && (message.seq >= end || message.info.pending === 0)) return true;
        if (signal.aborted) return false;
      }
    } catch (error) {
      if (signal.aborted) return false;
      onError(new EventError('connection', `reading ${subject} failed and is tried again: ${messageOf(error)}`, error));
    } finally {
      release?.();
      // Not close(): it waits for the iterator to reach the end of its queue, and this one may have left it.
      messages?.stop();
      if (name !== undefined && watch.connected) manager.consumers.delete(streamName, name).catch(() => false);
    }
    if (signal.aborted) return false;
    await watch.changed(retryMs[Math.min(failures, retryMs.length - 1)] ?? 0, signal);
    failures++;
    await watch.whenConnected(signal);
    next = await afterReset(context, next, signal);
  }
  return false;
}

function consumerConfig(subject: string, start: number): Partial<ConsumerConfig> {
  return {
    deliver_policy: DeliverPolicy.StartSequence,
    opt_start_seq: start,
    filter_subject: subject,
    ack_policy: AckPolicy.None,
    inactive_threshold: nanos(inactiveMs),
    max_deliver: 1,
    mem_storage: true,
    num_replicas: 1,
  };
}

/** Where the stream was made anew and is shorter than what was read, reading starts over. */
async function afterReset({ manager, watch }: ReaderContext, next: number, signal: AbortSignal): Promise<number> {
  try {
    const { state } = await watch.during(manager.streams.info(streamName), signal);
    return state.last_seq + 1 < next ? 1 : next;
  } catch {
    return next;
  }
}

function decoded(bytes: Uint8Array, onError: (error: EventError) => void): CloudEvent | undefined {
  try {
    return decodeEvent(bytes);
  } catch (error) {
    onError(error instanceof EventError ? error : new EventError('malformed', messageOf(error), error));
    return undefined;
  }
}

/** Ends the messages when heartbeats are missed, the consumer is gone, the connection changes or `signal` is aborted. */
function stopWhenLost(messages: ConsumerMessages, watch: ConnectionWatch, signal: AbortSignal): () => void {
  const stop = () => messages.stop();
  signal.addEventListener('abort', stop, { once: true });
  if (signal.aborted) stop();
  const unlisten = watch.onChange(stop);
  void (async () => {
    for await (const status of await messages.status()) {
      const missed = status.type === ConsumerEvents.HeartbeatsMissed && Number(status.data) >= mostMissed;
      const gone =
        status.type === ConsumerEvents.ConsumerDeleted ||
        status.type === ConsumerEvents.ConsumerNotFound ||
        status.type === ConsumerEvents.StreamNotFound ||
        status.type === ConsumerEvents.NoResponders;
      if (missed || gone) stop();
    }
  })();
  return () => {
    signal.removeEventListener('abort', stop);
    unlisten();
  };
}
