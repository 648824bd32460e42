/**
 * Reads the stream in order, without gaps and indefinitely, through an ephemeral consumer. The consumer is recreated after the last
 * message read whenever a message or a heartbeat is missing, the consumer is gone or the connection was lost.
 */
import { messageOf } from '@gapo/rpc';
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
import { decodeEvent, follows, type CloudEvent } from './cloudEvent.js';
import type { ConnectionWatch } from './connectionWatch.js';
import { EventError } from './eventError.js';
import { permissionError } from './permissions.js';
import type { StreamOptions } from './stream.js';

/** Collaborators of a reader. */
export interface ReaderContext {
  manager: JetStreamManager;
  stream: StreamOptions;
  client: JetStreamClient;
  watch: ConnectionWatch;
  onError: (error: EventError) => void;
}

/** What to read. */
export interface ReadOptions {
  /** A subject, with `*` for any word. */
  subject: string;
  /** The first sequence number of the stream to deliver, from 1. */
  start: number;
  /** The last sequence number to deliver. @default none: reads indefinitely */
  end?: number;
  /** Stops reading when it aborts. */
  signal: AbortSignal;
  /** Called once, when the first consumer exists: later messages will be read. */
  onOpen?: () => void;
}

/** Two missed heartbeats in a row mean that the consumer is gone. */
const heartbeatMs = 5_000;
const pullExpiresMs = 30_000;
const mostMissed = 2;

/** The server removes a consumer that has not been pulled from for this long. */
const inactiveMs = 60_000;

/** Number of messages to reread after a loss, in case the stream lost some and received them again with its runs in a different order. */
const mostRepeated = 500;

/**
 * Reads the events on a subject. Messages that are not events are reported and skipped.
 *
 * @returns whether everything up to `end` was read; false if `signal` stopped it
 * @throws UserError if the login may not read the stream and `onOpen` has not been called
 */
export async function* readStream(context: ReaderContext, options: ReadOptions): AsyncGenerator<CloudEvent, boolean> {
  const { manager, stream, client, watch, onError } = context;
  const { subject, signal } = options;
  let next = options.start;
  let last = options.end ?? Infinity;
  let known: StreamState | undefined;
  const seen = new SeenEvents();
  let failures = 0;
  let opened = options.onOpen;
  while (!signal.aborted) {
    // A request without a connection would time out.
    await watch.whenConnected(signal);
    let from = next;
    const state = await streamState(context, signal);
    if (state !== undefined && known !== undefined) {
      // A recreated stream receives everything again from the start; a stream that lost its tail receives the tail again.
      const isNew = state.created !== known.created;
      const end = Math.min(next, state.last + 1);
      from = isNew ? 1 : Math.max(Math.min(options.start, end), end - mostRepeated);
      if (isNew || end < next) next = from;
      if (isNew) last = Math.min(last, state.last);
    }
    known = state ?? known;
    let messages: ConsumerMessages | undefined;
    let release: (() => void) | undefined;
    let name: string | undefined;
    try {
      const info = await watch.during(manager.consumers.add(stream.name, consumerConfig(subject, from)), signal);
      opened?.();
      opened = undefined;
      failures = 0;
      name = info.name;
      if (last !== Infinity && info.num_pending === 0) return true;
      const consumer = await watch.during(client.consumers.get(stream.name, info.name), signal);
      messages = await consumer.consume({
        max_messages: 500,
        expires: pullExpiresMs,
        idle_heartbeat: heartbeatMs,
        abort_on_missing_resource: true,
      });
      release = stopWhenLost(messages, watch, signal);
      let delivered = 0;
      for await (const message of messages) {
        // A consumer numbers its messages from 1, so a gap means that one was lost.
        if (message.info.deliverySequence !== delivered + 1) break;
        delivered++;
        if (message.seq > last) return true;
        const event = decoded(message.data, onError);
        const isNew = event !== undefined && seen.add(event, message.seq >= next);
        next = Math.max(next, message.seq + 1);
        if (isNew) yield event;
        if (last !== Infinity && (message.seq >= last || message.info.pending === 0)) return true;
        if (signal.aborted) return false;
      }
    } catch (error) {
      if (signal.aborted) return false;
      // If permission was missing from the start, no retry would help.
      const denied = opened === undefined ? undefined : permissionError(error, stream.url, stream.name);
      if (denied !== undefined) throw denied;
      onError(new EventError('connection', `reading ${subject} failed and is retried: ${messageOf(error)}`, error));
    } finally {
      release?.();
      // Not close(), which waits for the iterator to reach the end of its queue: the loop may have left it.
      messages?.stop();
      if (name !== undefined && watch.connected) manager.consumers.delete(stream.name, name).catch(() => false);
    }
    if (signal.aborted) return false;
    await watch.beforeRetry(failures, signal);
    failures++;
  }
  return false;
}

/** Identity and extent of a stream. */
interface StreamState {
  /** When it was created. */
  readonly created: string;
  /** The number of its last message. */
  readonly last: number;
}

/** Distinguishes new events from those that a stream received again after a loss. */
class SeenEvents {
  readonly #newest = new Map<string, CloudEvent>();

  /**
   * Notes an event.
   *
   * @param isLater whether its message comes after all that were read; decides for events without a number
   * @returns whether it is new
   */
  add(event: CloudEvent, isLater: boolean): boolean {
    const newest = this.#newest.get(event.subject);
    const isNew = event.sequence === undefined ? isLater : newest === undefined || follows(event, newest);
    if (isNew) this.#newest.set(event.subject, event);
    return isNew;
  }
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

/** Returns when the stream was created and the number of its last message; undefined if it does not answer. */
async function streamState(
  { manager, stream, watch }: ReaderContext,
  signal: AbortSignal,
): Promise<StreamState | undefined> {
  try {
    const { created, state } = await watch.during(manager.streams.info(stream.name), signal);
    return { created: String(created), last: state.last_seq };
  } catch {
    return undefined;
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

/** Stops the messages when heartbeats are missed, the consumer is gone, the connection changes or `signal` aborts. */
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
