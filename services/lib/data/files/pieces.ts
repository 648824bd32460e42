/** Splits the bytes of a JSON file into the texts of its records, one at a time. */
import { UserError } from '@gapo/service';

/** The text of one record, as bytes. */
export interface Piece {
  /** The line in which it begins, from 1. */
  readonly line: number;
  /** Undefined if it is too long. */
  readonly bytes: Uint8Array | undefined;
}

/** The most bytes of a record: a longer one means a file of another kind, or a text that no model reads. */
export const longestRecord = 1 << 24;

const code = (character: string): number => character.charCodeAt(0);
const [newline, quote, backslash, comma] = [code('\n'), code('"'), code('\\'), code(',')];
const [open, close, openBrace, closeBrace] = [code('['), code(']'), code('{'), code('}')];

/** Collects the bytes of a record, up to the limit. */
class Collected {
  #parts: Uint8Array[] = [];
  #length = 0;

  get isEmpty(): boolean {
    return this.#length === 0;
  }

  add(part: Uint8Array): void {
    this.#length += part.byteLength;
    if (this.#length <= longestRecord) this.#parts.push(part);
    else this.#parts = [];
  }

  take(line: number): Piece {
    const piece = { line, bytes: this.#length > longestRecord ? undefined : Buffer.concat(this.#parts) };
    this.#parts = [];
    this.#length = 0;
    return piece;
  }
}

/** Yields the lines, blank ones too, without their line feeds. */
export async function* linesOf(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Piece> {
  const collected = new Collected();
  let line = 1;
  for await (const chunk of chunks) {
    let start = 0;
    for (let end = chunk.indexOf(newline); end >= 0; end = chunk.indexOf(newline, start)) {
      collected.add(chunk.subarray(start, end));
      yield collected.take(line++);
      start = end + 1;
    }
    collected.add(chunk.subarray(start));
  }
  if (!collected.isEmpty) yield collected.take(line);
}

/**
 * Yields the items of a JSON array. Only brackets, quotes and commas are looked at: each item may still be wrong.
 *
 * @throws UserError with the line where the array is wrong outside of its items
 */
export async function* itemsOf(file: string, chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Piece> {
  const collected = new Collected();
  let line = 1;
  let itemLine: number | undefined;
  /** Brackets that are open: 0 before the array, 1 between items, -1 after it. */
  let depth = 0;
  let [inString, escaped] = [false, false];
  let first = true;
  for await (const chunk of chunks) {
    let start = 0;
    for (let i = 0; i < chunk.length; i++) {
      const byte = chunk[i];
      if (byte === newline) line += 1;
      if (inString) {
        if (escaped) escaped = false;
        else if (byte === backslash) escaped = true;
        else if (byte === quote) inString = false;
        continue;
      }
      if (byte === undefined || byte === 0x20 || (byte >= 0x09 && byte <= 0x0d)) continue;
      if (depth < 0) throw new UserError(`${file}:${line}: the array has ended, but more follows; write one array`);
      if (depth === 0) {
        depth = 1; // the bracket by which the file was recognized
        start = i + 1;
        continue;
      }
      const ends = depth === 1 && (byte === comma || byte === close);
      if (ends) {
        collected.add(chunk.subarray(start, i));
        // An empty array has no item; a comma has one on both sides.
        if (byte === comma || itemLine !== undefined || !first) yield collected.take(itemLine ?? line);
        else collected.take(line);
        first = false;
        itemLine = undefined;
        start = i + 1;
        if (byte === close) depth = -1;
        continue;
      }
      itemLine ??= line;
      if (byte === quote) inString = true;
      else if (byte === open || byte === openBrace) depth += 1;
      else if ((byte === close || byte === closeBrace) && depth > 1) depth -= 1;
    }
    if (depth > 0) collected.add(chunk.subarray(start));
  }
  if (depth >= 0) throw new UserError(`${file}:${line}: the file ends within the array; copy the file again`);
}
