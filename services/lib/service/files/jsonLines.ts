/**
 * Reads data sets from files of JSON lines: UTF-8, one JSON value per line. Files are streamed, so that only the records are
 * in memory. Blank lines, a byte-order mark at a file's start and CRLF line ends are accepted.
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import type { z } from 'zod';
import { check, type Finding } from '../settings/problems.js';
import { UserError, isExpected } from '../userError.js';

/** The format of a line, and the record that it becomes. */
export interface LineFormat<Line, Item> {
  /** The format for error messages, such as `{"id", "prompt"}`. */
  readonly shape: string;
  /** Checks a line. Other keys are refused unless the object is loose. */
  readonly schema: z.ZodType<Line>;
  /** Turns a checked line into a record. A UserError that it throws is a problem of that line. */
  readonly record: (line: Line, place: LinePlace) => Item | Promise<Item>;
}

/** The position of a line. */
export interface LinePlace {
  /** Its number in the file, from 1. */
  readonly line: number;
  /** Records before it, in all files. */
  readonly index: number;
}

/** A file that was read. */
export interface LineFile {
  /** The path as given. */
  readonly file: string;
  /** SHA-256 (hex) of its bytes. */
  readonly sha256: string;
  /** The number of lines that are not blank. */
  readonly lines: number;
}

/** The most problems that an error lists; it counts the rest. */
const shownProblems = 5;

/** The most bytes of a line: a longer one means a file of another kind, such as a single JSON document. */
const longestLine = 1 << 24;
const newline = 0x0a;
const carriageReturn = 0x0d;
const byteOrderMark = '\ufeff';
/** Throws if the bytes are not UTF-8, and keeps a byte-order mark. */
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * Reads every record of some files, in order.
 *
 * @throws UserError with a line `file:line: problem` for each of the first invalid lines and the number of the others; if a
 *   file cannot be read, or no file has a line
 * @example
 * import { readJsonLines, z } from '@gapo/service';
 * const { records } = await readJsonLines(['words.jsonl'], {
 *   shape: '{"word"}',
 *   schema: z.strictObject({ word: z.string() }),
 *   record: ({ word }) => word,
 * });
 */
export async function readJsonLines<Line, Item>(
  files: readonly string[],
  format: LineFormat<Line, Item>,
): Promise<{ readonly records: readonly Item[]; readonly files: readonly LineFile[] }> {
  const records: Item[] = [];
  const problems: string[] = [];
  const read: LineFile[] = [];
  for (const file of files) {
    const hash = createHash('sha256');
    let lines = 0;
    for await (const { line, bytes } of linesOf(file, hash, format.shape)) {
      try {
        const text = textOf(line, bytes);
        if (text.trim() === '') continue;
        lines += 1;
        records.push(await format.record(parseLine(text, format), { line, index: records.length }));
      } catch (error) {
        if (!isExpected(error)) throw error;
        problems.push(`${file}:${line}: ${error.message}`);
      }
    }
    read.push({ file, sha256: hash.digest('hex'), lines });
  }
  if (problems.length > shownProblems) {
    problems.splice(shownProblems, Infinity, `and ${problems.length - shownProblems} more lines`);
  }
  if (problems.length > 0) throw new UserError(problems.join('\n'));
  if (records.length === 0) throw new UserError(`${files.join(', ')}: no lines; write ${format.shape}, one a line`);
  return { records, files: read };
}

interface RawLine {
  readonly line: number;
  /** Without the line end; undefined if the line is too long. */
  readonly bytes: Uint8Array | undefined;
}

async function* linesOf(
  file: string,
  hash: { update(bytes: Uint8Array): unknown },
  shape: string,
): AsyncGenerator<RawLine> {
  let line = 1;
  let [parts, length]: [Uint8Array[], number] = [[], 0];
  const add = (part: Uint8Array): void => {
    length += part.byteLength;
    if (length <= longestLine) parts.push(part);
  };
  const take = (): RawLine => {
    const taken = { line, bytes: length > longestLine ? undefined : Buffer.concat(parts) };
    line += 1;
    [parts, length] = [[], 0];
    return taken;
  };
  try {
    for await (const chunk of createReadStream(file) as AsyncIterable<Buffer>) {
      hash.update(chunk);
      let start = 0;
      for (let end = chunk.indexOf(newline); end >= 0; end = chunk.indexOf(newline, start)) {
        add(chunk.subarray(start, end));
        yield take();
        start = end + 1;
      }
      add(chunk.subarray(start));
    }
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const why = code === 'ENOENT' ? 'does not exist' : `cannot be read: ${message}`;
    throw new UserError(`${file}: ${why}; name a file of JSON lines ${shape}`, { cause: error });
  }
  if (length > 0) yield take();
}

function textOf(line: number, bytes: Uint8Array | undefined): string {
  if (bytes === undefined) {
    throw new UserError(`longer than ${longestLine >> 20} MiB; write one record a line, without line breaks inside`);
  }
  let text: string;
  try {
    text = utf8.decode(bytes.at(-1) === carriageReturn ? bytes.subarray(0, -1) : bytes);
  } catch (error) {
    throw new UserError('not UTF-8; save the file in that encoding', { cause: error });
  }
  return line === 1 && text.startsWith(byteOrderMark) ? text.slice(byteOrderMark.length) : text;
}

function parseLine<Line>(text: string, { schema, shape }: LineFormat<Line, unknown>): Line {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new UserError(`not JSON: ${(error as Error).message}`, { cause: error });
  }
  const checked = check(schema, value);
  if (checked.ok) return checked.value;
  throw new UserError(`${checked.findings.map(problemText).join('; ')}; a line is ${shape}`);
}

function problemText({ problem: { path, found, expected, hint } }: Finding): string {
  const place = path === '' ? '' : `${path}: `;
  return `${place}found ${found}, expected ${expected}${hint === undefined ? '' : ` (${hint})`}`;
}
