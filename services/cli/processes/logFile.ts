/** The log file of a service, in JSON Lines, with a readable tail. */
import { closeSync, existsSync, fstatSync, mkdirSync, openSync, readSync, renameSync } from 'node:fs';
import { join } from 'node:path';

/** Bytes to read from the end of a log. */
const tailBytes = 16 * 1024;

/** A log file of one service. */
export interface LogFile {
  /** Absolute. */
  readonly path: string;
  /** Opens the file to append and returns the descriptor, which the caller closes. */
  open(): number;
  /** Returns the last lines, such as `warn: message`. */
  tail(lines: number): string[];
}

/** Creates the log DIRECTORY/NAME.log and renames an earlier one to NAME.1.log. */
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

/** Formats a log line: level and message of a JSON line, any other line unchanged. */
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
