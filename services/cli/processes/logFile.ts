/** The log of a service: a file of JSON lines, and its end as people read it. */
import { closeSync, existsSync, fstatSync, mkdirSync, openSync, readSync, renameSync } from 'node:fs';
import { join } from 'node:path';

/** Bytes at the end of a log that are looked at. */
const tailBytes = 16 * 1024;

/** A log file of one service. */
export interface LogFile {
  /** Absolute. */
  readonly path: string;
  /** A file descriptor to append to; the caller closes it. */
  open(): number;
  /** The last lines, as `warn: message`; empty where it said nothing. */
  tail(lines: number): string[];
}

/** The log DIRECTORY/NAME.log; the one of the last time becomes NAME.1.log. */
export function newLogFile(directory: string, name: string): LogFile {
  mkdirSync(directory, { recursive: true });
  const path = join(directory, `${name}.log`);
  if (existsSync(path)) renameSync(path, join(directory, `${name}.1.log`));
  return {
    path,
    open: () => openSync(path, 'a'),
    tail: (lines) => (existsSync(path) ? readTail(path).slice(-lines) : []),
  };
}

function readTail(path: string): string[] {
  const file = openSync(path, 'r');
  try {
    const { size } = fstatSync(file);
    const buffer = Buffer.alloc(Math.min(size, tailBytes));
    readSync(file, buffer, 0, buffer.length, size - buffer.length);
    return buffer
      .toString('utf8')
      .split('\n')
      .filter((line) => line.trim() !== '')
      .map(readableLine);
  } finally {
    closeSync(file);
  }
}

/** A line of the log for people: level and message of a JSON line, any other as it is. */
export function readableLine(line: string): string {
  try {
    const parsed: unknown = JSON.parse(line);
    if (typeof parsed !== 'object' || parsed === null || !('message' in parsed)) return line;
    const { level, message, error } = parsed as { level?: unknown; message?: unknown; error?: { message?: unknown } };
    const why = typeof error?.message === 'string' && error.message !== message ? `: ${error.message}` : '';
    return `${String(level)}: ${String(message)}${why}`;
  } catch {
    return line.trimEnd();
  }
}
