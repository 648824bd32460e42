/** Files with one JSON value per line. The process may have ended in the middle of a write. */
import { contentIfPresent, UserError } from '@gapo/service';

/** A line of a file. */
export interface Line<T> {
  readonly value: T;
  /** Offsets in bytes, without the newline. */
  readonly start: number;
  readonly end: number;
}

const newline = 0x0a;

/**
 * Reads a file of lines; none if it does not exist. Skips a last line without a newline, which a crash has
 * truncated.
 *
 * @param parse throws if a line is not valid
 * @throws UserError that names the path, and the line if one is not valid
 */
export function readLines<T>(path: string, parse: (line: string) => T): Line<T>[] {
  const bytes = contentIfPresent(path);
  const lines: Line<T>[] = [];
  let start = 0;
  for (let number = 1; ; number++) {
    const end = bytes.indexOf(newline, start);
    if (end === -1) return lines;
    if (end > start) lines.push({ value: parsed(bytes.toString('utf8', start, end), parse, path, number), start, end });
    start = end + 1;
  }
}

/** Returns the lines that hold the values. */
export function linesText(values: readonly unknown[]): string {
  return values.map((value) => `${JSON.stringify(value)}\n`).join('');
}

function parsed<T>(line: string, parse: (line: string) => T, path: string, number: number): T {
  try {
    return parse(line);
  } catch (error) {
    throw new UserError(`${path}:${number} is not a valid line; remove it`, { cause: error });
  }
}
