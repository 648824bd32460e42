/**
 * The events of one run on disk, in order. This log is authoritative; a stream is a copy. Events of a step's parts are kept
 * until newer events fill a few megabytes; all others are kept as long as the run exists.
 */
import { closeSync, existsSync, fdatasyncSync, mkdirSync, openSync } from 'node:fs';
import { open, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { messageOf } from '@gapo/rpc';
import { appendSync, writeAtomically } from '@gapo/service';
import { encodeEvent, eventIn, kindOf, type CloudEvent, type EventKind } from '../cloudEvent.js';
import { EventError } from '../eventError.js';
import { isPart } from './kinds.js';
import { cutTornLine, headOf, linesOf, listSegments, segmentPath, sequenceIn, type Segment } from './segments.js';

/** Sizes of a log. */
export interface LogLimits {
  /** Bytes after which a new segment is started. */
  readonly segmentBytes: number;
  /** Number of newest segments that keep part events once the stream has them. */
  readonly completeSegments: number;
  /** Number of newest segments that keep part events until the stream has them. */
  readonly mostComplete: number;
}

/** 1 MiB per segment; part events of the newest 4 MiB, or of the newest 64 MiB if the stream does not have them. */
export const defaultLimits: LogLimits = { segmentBytes: 1024 * 1024, completeSegments: 4, mostComplete: 64 };

/** Options of a log. */
export interface LogOptions {
  /** Its directory; created with the first event. */
  readonly directory: string;
  /** Called before each write. @throws if this process may not write any more */
  readonly assertWritable: () => void;
  readonly limits: LogLimits;
  /** Whether events are copied to a stream. If so, part events stay until {@link EventLog.noteCopied}. */
  readonly copied: boolean;
  readonly onError: (error: EventError) => void;
}

/**
 * Maximum number of events held in memory while the disk refuses them. Beyond that, the oldest are lost, part events first.
 */
const mostUnwritten = 10_000;

/** The log of one run. One process writes it. */
export class EventLog {
  readonly #options: LogOptions;
  #segments: Segment[];
  /** Ids of lasting events as `<kind>/<id>`, and the newest line of each kind; read on first use. */
  #index: { readonly ids: Set<string>; readonly newest: Map<string, string> } | undefined;
  #last: number;
  /** Lines that have not been written to the file yet. */
  #unwritten: { readonly line: string; readonly part: boolean }[] = [];
  /** The path of a file with lines that have not been flushed to disk. */
  #unflushed: string | undefined;
  #failing = false;
  /** The number of the newest event that the stream has. */
  #copiedTo: number;
  #compacting: Promise<void> | undefined;

  /** @throws UserError if its files cannot be read */
  constructor(options: LogOptions) {
    this.#options = options;
    this.#copiedTo = options.copied ? 0 : Infinity;
    this.#segments = listSegments(options.directory);
    const newest = this.#segments.at(-1);
    const torn = newest === undefined ? 0 : cutTornLine(newest);
    if (newest !== undefined && torn > 0) {
      this.#report(
        'malformed',
        `${newest.path}: ${torn} bytes of an incomplete line were removed: a process ended while it wrote the line`,
      );
    }
    this.#last = newest === undefined ? 0 : (sequenceAtEnd(newest) ?? newest.first - 1);
  }

  get directory(): string {
    return this.#options.directory;
  }

  /** @throws if this process may not write any more */
  assertWritable(): void {
    this.#options.assertWritable();
  }

  /** The number of the newest event; 0 before the first. */
  get last(): number {
    return this.#last;
  }

  /** The files, oldest first. */
  get segments(): readonly Segment[] {
    return this.#segments;
  }

  /** Whether a lasting event is in the log. */
  has(kind: EventKind, id: string): boolean {
    return this.#indexed().ids.has(`${kind}/${id}`);
  }

  /** Returns the newest event of a lasting kind. Reads the files from the end until it is found. */
  newest<K extends EventKind>(kind: K): Extract<CloudEvent, { type: `gapo.v1.${K}` }> | undefined {
    const event = eventOfLine(this.#index?.newest.get(kind) ?? '') ?? this.#findNewest(kind);
    return event as Extract<CloudEvent, { type: `gapo.v1.${K}` }> | undefined;
  }

  /** Skips damaged lines, as a reader does. */
  #findNewest(kind: EventKind): CloudEvent | undefined {
    for (const segment of this.#segments.toReversed()) {
      for (const line of linesOf(segment).toReversed()) {
        const event = headOf(line)?.kind === kind ? eventOfLine(line) : undefined;
        if (event !== undefined) return event;
      }
    }
    return undefined;
  }

  /** Returns the lasting event with an id. Reads the files. */
  find(kind: EventKind, id: string): CloudEvent | undefined {
    if (!this.has(kind, id)) return undefined;
    const isIt = (line: string): boolean => {
      const head = headOf(line);
      return head?.kind === kind && head.id === id;
    };
    const pending = this.#unwritten.map(({ line }) => line).find(isIt);
    const found = pending ?? this.#segments.toReversed().flatMap(linesOf).find(isIt);
    return found === undefined ? undefined : eventOfLine(found);
  }

  /**
   * Appends the event that has the next number. A lasting event is on disk when this returns. If the disk refuses it, it is
   * held in memory and written, in order, before the next one.
   *
   * @param id its id within the run and kind
   * @returns false for a lasting event whose id is already in the log; nothing is appended
   */
  append(event: CloudEvent, id: string): boolean {
    const kind = kindOf(event);
    const part = isPart(kind);
    const line = `${new TextDecoder().decode(encodeEvent(event))}\n`;
    const index = this.#indexed();
    if (!part) {
      if (index.ids.has(`${kind}/${id}`)) return false;
      index.ids.add(`${kind}/${id}`);
      index.newest.set(kind, line);
    }
    this.#last += 1;
    this.#unwritten.push({ line, part });
    this.#tryWrite(!part);
    return true;
  }

  /**
   * Flushes everything to disk without blocking.
   *
   * @returns the number of the newest event on disk
   * @throws Error if the disk refuses it
   */
  async flush(): Promise<number> {
    if (!this.#tryWrite(true)) throw new EventError('unwritten', this.#heldText);
    const last = this.#last;
    const path = this.#unflushed;
    if (path !== undefined) {
      this.#unflushed = undefined;
      try {
        const file = await open(path, 'r');
        await file.datasync().finally(() => file.close());
      } catch (error) {
        this.#unflushed ??= path;
        throw error;
      }
    }
    return last;
  }

  /** Returns whether everything has been written to the file. */
  #tryWrite(flush: boolean): boolean {
    const lines = this.#unwritten;
    if (lines.length === 0) return true;
    try {
      this.#options.assertWritable();
      const segment = this.#segmentFor(sequenceIn(lines[0]?.line ?? '') ?? this.#last);
      const text = lines.map(({ line }) => line).join('');
      appendSync(segment.path, text, { flush });
      segment.bytes += Buffer.byteLength(text);
      this.#unflushed = flush ? undefined : segment.path;
      this.#unwritten = [];
      if (this.#failing)
        this.#report('unwritten', `${this.#options.directory}: can be written again; all events are in it`);
      this.#failing = false;
      return true;
    } catch (error) {
      this.#hold(error);
      return false;
    }
  }

  #hold(error: unknown): void {
    if (!this.#failing) this.#report('unwritten', `${messageOf(error)}; ${this.#heldText}`, error);
    this.#failing = true;
    if (this.#unwritten.length <= mostUnwritten) return;
    const oldest = Math.max(
      0,
      this.#unwritten.findIndex(({ part }) => part),
    );
    this.#unwritten.splice(oldest, 1);
  }

  get #heldText(): string {
    return `${this.#unwritten.length} events of ${this.#options.directory} are held in memory until it can be written`;
  }

  /** Returns the segment to append to; starts a new one, whose first event has the number `next`, if the newest is full. */
  #segmentFor(next: number): Segment {
    const { directory, limits } = this.#options;
    const newest = this.#segments.at(-1);
    if (newest !== undefined && !newest.compacted && newest.bytes < limits.segmentBytes) return newest;
    if (this.#unflushed !== undefined) flushSync(this.#unflushed);
    mkdirSync(directory, { recursive: true });
    const segment = { first: next, path: segmentPath(directory, next, false), compacted: false, bytes: 0 };
    this.#segments = [...this.#segments, segment];
    // Deferred, so that the caller continues first.
    this.#compacting ??= Promise.resolve()
      .then(() => this.#compact())
      .finally(() => (this.#compacting = undefined));
    return segment;
  }

  /** Records that a stream has the events up to a number. Part events among them may be removed. */
  noteCopied(sequence: number): void {
    this.#copiedTo = sequence;
  }

  /** Removes part events from old segments. Failures are reported and retried with the next segment. */
  async #compact(): Promise<void> {
    for (let due = this.#due(); due !== undefined; due = this.#due()) {
      try {
        await this.#compactSegment(due);
      } catch (error) {
        this.#report('unwritten', `${due.path} cannot be compacted: ${messageOf(error)}`, error);
        return;
      }
    }
  }

  /** Returns the oldest segment whose part events may be removed. */
  #due(): Segment | undefined {
    const { completeSegments, mostComplete } = this.#options.limits;
    const segments = this.#segments;
    return segments.find(({ compacted }, i) => {
      const age = segments.length - i;
      const end = segments[i + 1]?.first ?? Infinity;
      return !compacted && age > completeSegments && (end - 1 <= this.#copiedTo || age > mostComplete);
    });
  }

  async #compactSegment(segment: Segment): Promise<void> {
    this.#options.assertWritable();
    const path = segmentPath(dirname(segment.path), segment.first, true);
    const text = linesOf(segment)
      .filter((line) => !isPart(headOf(line)?.kind))
      .map((line) => `${line}\n`)
      .join('');
    await writeAtomically(path, text);
    await rm(segment.path, { force: true });
    const compacted = { ...segment, path, compacted: true, bytes: Buffer.byteLength(text) };
    this.#segments = this.#segments.map((each) => (each.first === segment.first ? compacted : each));
  }

  /** Writes what is held in memory if the disk accepts it now. */
  async close(): Promise<void> {
    await this.flush().catch((error: unknown) => this.#report('unwritten', messageOf(error), error));
    await this.#compacting;
  }

  #indexed(): { readonly ids: Set<string>; readonly newest: Map<string, string> } {
    if (this.#index !== undefined) return this.#index;
    const ids = new Set<string>();
    const newest = new Map<string, string>();
    for (const line of this.#segments.flatMap(linesOf)) {
      const head = headOf(line);
      if (head === undefined || isPart(head.kind)) continue;
      ids.add(`${head.kind}/${head.id}`);
      newest.set(head.kind, line);
    }
    return (this.#index = { ids, newest });
  }

  #report(code: 'malformed' | 'unwritten', message: string, cause?: unknown): void {
    this.#options.onError(new EventError(code, message, cause));
  }
}

function sequenceAtEnd(segment: Segment): number | undefined {
  return linesOf(segment)
    .toReversed()
    .map(sequenceIn)
    .find((sequence) => sequence !== undefined);
}

/** Returns the event of a line; undefined if it is damaged. */
function eventOfLine(line: string): CloudEvent | undefined {
  return eventIn(Buffer.from(line));
}

function flushSync(path: string): void {
  if (!existsSync(path)) return;
  const file = openSync(path, 'r');
  try {
    fdatasyncSync(file);
  } finally {
    closeSync(file);
  }
}
