/**
 * The files of an event log: segments of lines, named by the number of their first event. Only the newest is appended to. An
 * older one may be replaced by a compacted segment with only the lasting events.
 */
import { readdirSync, readFileSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { UserError } from '@gapo/service';
import { sequenceText } from '../cloudEvent.js';

/** One file of a log. */
export interface Segment {
  /** The number of its first event, even if compaction has removed that event. */
  readonly first: number;
  readonly path: string;
  readonly compacted: boolean;
  bytes: number;
}

/** What the text before a line's data says about its event. */
export interface LineHead {
  /** The kind, such as `step`. */
  readonly kind: string;
  /** The id within the run and kind. */
  readonly id: string;
}

const namePattern = /^(\d{12})(\.compacted)?\.jsonl$/;
const headPattern = /^\{"specversion":"1\.0","id":"[^"/]+\/([a-z]+)\/((?:[^"\\]|\\.)+)"/;
const sequencePattern = /"sequence":"(\d{12,})"/;

/** Returns the path of a segment. */
export function segmentPath(directory: string, first: number, compacted: boolean): string {
  return join(directory, `${sequenceText(first)}${compacted ? '.compacted' : ''}.jsonl`);
}

/**
 * Lists the segments of a log, oldest first; none if the directory does not exist. If compaction was interrupted, the
 * compacted segment is used.
 *
 * @throws UserError if the directory cannot be read
 */
export function listSegments(directory: string): Segment[] {
  const segments = new Map<number, Segment>();
  for (const name of namesIn(directory)) {
    const [, digits, mark] = namePattern.exec(name) ?? [];
    if (digits === undefined) continue;
    const first = Number(digits);
    const compacted = mark !== undefined;
    if (segments.get(first)?.compacted === true) continue;
    segments.set(first, { first, path: join(directory, name), compacted, bytes: 0 });
  }
  return [...segments.values()].sort((a, b) => a.first - b.first);
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw new UserError(`${directory} cannot be read: ${(error as Error).message}`, { cause: error });
  }
}

/** Returns the complete lines of a segment. */
export function linesOf({ path }: Segment): string[] {
  const text = readFileSync(path, 'utf8');
  return text
    .slice(0, text.lastIndexOf('\n') + 1)
    .split('\n')
    .slice(0, -1);
}

/**
 * Removes what a crash left after the last complete line of a segment, and updates its size.
 *
 * @returns the number of removed bytes
 * @throws UserError if the file cannot be changed
 */
export function cutTornLine(segment: Segment): number {
  const { path } = segment;
  try {
    const content = readFileSync(path);
    segment.bytes = content.lastIndexOf('\n') + 1;
    const torn = content.length - segment.bytes;
    if (torn > 0) truncateSync(path, segment.bytes);
    return torn;
  } catch (error) {
    throw new UserError(`${path} cannot be repaired: ${(error as Error).message}`, { cause: error });
  }
}

/** Returns kind and id of a line; undefined if it is not an event. */
export function headOf(line: string): LineHead | undefined {
  const [, kind, id] = headPattern.exec(line) ?? [];
  if (kind === undefined || id === undefined) return undefined;
  try {
    return { kind, id: JSON.parse(`"${id}"`) as string };
  } catch {
    return undefined; // an invalid JSON escape, or a control character
  }
}

/** Returns the number of a line's event; undefined if it is not an event. */
export function sequenceIn(line: string): number | undefined {
  const digits = sequencePattern.exec(line)?.[1];
  return digits === undefined ? undefined : Number(digits);
}
