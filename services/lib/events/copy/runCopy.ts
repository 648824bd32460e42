/** Copies the log of one run to the stream: in order, one event at a time, each exactly once. */
import { faultPointAsync } from '@gapo/faults';
import { messageOf } from '@gapo/rpc';
import { headers, NatsError, type JetStreamClient, type JetStreamManager, type PubAck } from 'nats';
import { kindOf, subjectOf, type EventKind } from '../cloudEvent.js';
import { EventError } from '../eventError.js';
import type { EventLog } from '../log/eventLog.js';
import { LogReader, type LoggedEvent } from '../log/logReader.js';
import { readMark, writeMark, type CopiedMark } from './copiedMark.js';
import { findPosition, storedMessage } from './position.js';

/** The target of the copy. */
export interface CopyTarget {
  readonly manager: JetStreamManager;
  readonly client: JetStreamClient;
  /** The stream's name. */
  readonly stream: string;
  /** Waits for a request; rejects as soon as the connection is lost. */
  readonly during: <T>(request: Promise<T>) => Promise<T>;
}

/** Options of a copy. */
export interface RunCopyOptions {
  readonly runId: string;
  readonly log: EventLog;
  /** Counts published and refused events. */
  readonly counts: { published: number; refused: number };
  readonly onError: (error: EventError) => void;
}

/** Time between writes of the mark. */
const markMs = 2000;

/** The subject's last message is not the one that this publisher expects. */
const overtakenCode = 10071;

/** The message exceeds the stream's limit. */
const tooLargeCode = 10054;

/** The position of one run in the stream; continues copying from there. */
export class RunCopy {
  readonly #options: RunCopyOptions;
  #mark: CopiedMark | undefined;
  #written: CopiedMark | undefined;
  #reader: LogReader | undefined;
  #newest = new Map<EventKind, number>();
  #timer: NodeJS.Timeout | undefined;
  #acknowledged: number;

  constructor(options: RunCopyOptions) {
    this.#options = options;
    this.#mark = this.#written = readMark(options.log.directory);
    this.#acknowledged = Math.min(this.#mark?.sequence ?? 0, options.log.last);
  }

  /** Number of events that the stream is known to lack. */
  get queued(): number {
    return this.#options.log.last - this.#acknowledged;
  }

  /**
   * Makes the copy ask the stream for its newest event before sending the next: the stream may have lost events, or have more than
   * it acknowledged.
   */
  doubt(): void {
    this.#reader = undefined;
  }

  /**
   * Sends the next events: at most one chunk of the log.
   *
   * @returns whether there are more
   * @throws Error if the log cannot be flushed or the stream does not accept an event; this has the effect of {@link doubt}
   */
  async advance(target: CopyTarget): Promise<boolean> {
    const { log } = this.#options;
    try {
      const reader = (this.#reader ??= await this.#find(target));
      // Events that a power cut could remove from the log must not reach the stream.
      const until = await log.flush();
      const events = await reader.next(until);
      for (const each of events) {
        if (this.#reader !== reader) break;
        await this.#send(each, target);
      }
      if (events.length === 0) this.#acknowledged = until;
      this.#scheduleMark();
      return events.length > 0;
    } catch (error) {
      this.doubt();
      throw error;
    }
  }

  async #find(target: CopyTarget): Promise<LogReader> {
    const { runId, log, onError } = this.#options;
    const copied = { runId, log, mark: this.#mark };
    const found = await target.during(findPosition(target.manager, target.stream, copied));
    const { sequence, streamSequence, created, newest, difference } = found;
    if (difference !== '') onError(new EventError('differs', difference));
    this.#newest = new Map(newest);
    this.#acknowledged = sequence;
    this.#mark = { stream: target.stream, created, sequence, streamSequence };
    log.noteCopied(sequence);
    return new LogReader(log, sequence, onError);
  }

  async #send(logged: LoggedEvent, target: CopyTarget): Promise<void> {
    const { event, sequence } = logged;
    const { counts, log, onError } = this.#options;
    await faultPointAsync('event.publish', event.id);
    let streamSequence = this.#mark?.streamSequence ?? 0;
    try {
      const ack = await this.#publish(logged, target, event.id);
      const isOurs = !ack.duplicate || (await this.#isStored(logged, target, ack.seq));
      // Within the server's duplicate window, the id may belong to an earlier run of the same name or to a lost message.
      const { seq } = isOurs ? ack : await this.#publish(logged, target, `${event.id}@${event.time}`);
      // Numbers only grow unless the stream was deleted and created again.
      if (seq < streamSequence) this.doubt();
      streamSequence = seq;
      this.#newest.set(kindOf(event), seq);
      counts.published++;
    } catch (error) {
      if (!isTooLarge(error)) throw error;
      counts.refused++;
      onError(new EventError('refused', `event ${event.id}: ${messageOf(error)}`, error));
    }
    await faultPointAsync('event.published', event.id);
    this.#acknowledged = sequence;
    if (this.#mark !== undefined) this.#mark = { ...this.#mark, sequence, streamSequence };
    log.noteCopied(sequence);
  }

  async #publish({ event, payload }: LoggedEvent, target: CopyTarget, msgID: string): Promise<PubAck> {
    const kind = kindOf(event);
    const carried = headers();
    if (event.traceparent !== undefined) carried.set('traceparent', event.traceparent);
    if (event.tracestate !== undefined) carried.set('tracestate', event.tracestate);
    // Set here because the client library omits 0, which means that there is no message.
    carried.set('Nats-Expected-Last-Subject-Sequence', String(this.#newest.get(kind) ?? 0));
    const subject = subjectOf(this.#options.runId, kind);
    return target.during(target.client.publish(subject, payload, { msgID, headers: carried }));
  }

  async #isStored({ payload }: LoggedEvent, { manager, stream, during }: CopyTarget, seq: number): Promise<boolean> {
    const stored = await during(storedMessage(manager, stream, { seq }));
    return stored !== undefined && Buffer.compare(stored.data, payload) === 0;
  }

  #scheduleMark(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      void this.saveMark();
    }, markMs).unref();
  }

  /** Writes how much of the log the stream has. Never rejects. */
  async saveMark(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const { onError, log } = this.#options;
    const mark = this.#mark;
    if (mark === undefined || log.last === 0 || JSON.stringify(mark) === JSON.stringify(this.#written)) return;
    try {
      log.assertWritable();
      await writeMark(log.directory, mark);
      this.#written = mark;
    } catch (error) {
      onError(new EventError('unwritten', messageOf(error), error));
    }
  }
}

/** Whether another publisher of the same run got ahead. */
export function isOvertaken(error: unknown): boolean {
  return error instanceof NatsError && error.api_error?.err_code === overtakenCode;
}

/** Whether no retry can help. */
function isTooLarge(error: unknown): boolean {
  if (!(error instanceof NatsError)) return false;
  return error.code === 'MAX_PAYLOAD_EXCEEDED' || error.api_error?.err_code === tooLargeCode;
}
