/** Reads a log from an event on, in order, while events are appended to it. Holds one chunk in memory. */
import { open } from 'node:fs/promises';
import { messageOf } from '@gapo/rpc';
import { decodeEvent, type CloudEvent } from '../cloudEvent.js';
import { EventError } from '../eventError.js';
import type { EventLog } from './eventLog.js';
import { sequenceIn, type Segment } from './segments.js';

/** An event of a log. */
export interface LoggedEvent {
  /** Its number within the run. */
  readonly sequence: number;
  readonly event: CloudEvent;
  /** Its JSON, as in the file. */
  readonly payload: Uint8Array;
}

const chunkBytes = 256 * 1024;

/** A position in a log. */
export class LogReader {
  readonly #log: EventLog;
  readonly #onError: (error: EventError) => void;
  #after: number;
  #segment: number | undefined;
  #path = '';
  #offset = 0;

  /** @param after the number of the event before the first to read */
  constructor(log: EventLog, after: number, onError: (error: EventError) => void) {
    this.#log = log;
    this.#after = after;
    this.#onError = onError;
  }

  /**
   * Reads the next events, at most one chunk of them; none at the end. Lines that are not events are reported and
   * skipped.
   *
   * @param until the number of the last event to read
   */
  async next(until: number): Promise<LoggedEvent[]> {
    for (;;) {
      const segment = this.#current();
      if (segment === undefined) return [];
      const lines = await this.#lines(segment);
      if (lines.length === 0) {
        const following = this.#log.segments.find(({ first }) => first > segment.first);
        if (following === undefined) return [];
        this.#segment = following.first;
        continue;
      }
      const events = this.#take(lines, segment, until);
      if (events.length > 0 || this.#after >= until) return events;
    }
  }

  /** The segment that contains the next event. */
  #current(): Segment | undefined {
    const { segments } = this.#log;
    const found =
      this.#segment === undefined
        ? (segments.findLast(({ first }) => first <= this.#after + 1) ?? segments[0])
        : segments.find(({ first }) => first === this.#segment);
    this.#segment = found?.first;
    // A different file, or the same one after compaction.
    if (found !== undefined && found.path !== this.#path) {
      this.#path = found.path;
      this.#offset = 0;
    }
    return found;
  }

  /** Reads the complete lines from the current offset on. */
  async #lines({ path }: Segment): Promise<Buffer[]> {
    const file = await open(path, 'r');
    try {
      // A reader that keeps up reads one event at a time, about a hundredth of a chunk.
      const left = Math.max(0, (await file.stat()).size - this.#offset);
      for (let size = Math.min(left, chunkBytes); ; size = Math.min(left, 2 * size)) {
        const { bytesRead, buffer } = await file.read(Buffer.alloc(size), 0, size, this.#offset);
        const read = buffer.subarray(0, bytesRead);
        const end = read.lastIndexOf('\n') + 1;
        if (end > 0) return splitLines(read.subarray(0, end));
        if (bytesRead < size || size === left) return [];
      }
    } finally {
      await file.close();
    }
  }

  #take(lines: readonly Buffer[], { path }: Segment, until: number): LoggedEvent[] {
    const events: LoggedEvent[] = [];
    for (const line of lines) {
      const sequence = sequenceIn(line.toString()) ?? 0;
      if (sequence > until) break;
      this.#offset += line.length + 1;
      if (sequence <= this.#after && sequence > 0) continue;
      try {
        events.push({ sequence, event: decodeEvent(line), payload: line });
        this.#after = sequence;
      } catch (error) {
        this.#onError(
          new EventError('malformed', `${path}: a line is not an event and is left out: ${messageOf(error)}`, error),
        );
      }
    }
    return events;
  }
}

function splitLines(text: Buffer): Buffer[] {
  const lines: Buffer[] = [];
  for (let start = 0; start < text.length;) {
    const end = text.indexOf('\n', start);
    lines.push(text.subarray(start, end));
    start = end + 1;
  }
  return lines;
}
