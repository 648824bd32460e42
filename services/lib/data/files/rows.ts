/** The rows of a data file: JSON Lines, a JSON array, or Parquet; compressed with gzip or not. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { UserError, isMapping } from '@gapo/service';
import { decodeUtf8, parseJson } from './jsonText.js';
import { jsonOf, parquetRows } from './parquetRows.js';
import { itemsOf, linesOf, longestRecord, type Piece } from './pieces.js';
import { openSource } from './source.js';

/** A row of a data file. */
export interface Row {
  /** Its number from 1: of its line, of its item in an array, of its row in Parquet. */
  readonly number: number;
  /** The place for errors, such as `prompts.jsonl:3`. */
  readonly place: string;
  /**
   * Returns the row's columns.
   *
   * @throws UserError if it cannot be read
   */
  readonly columns: () => Readonly<Record<string, unknown>>;
}

/**
 * Yields the rows of a file that are not blank, and returns the SHA-256 (hex) of its bytes.
 *
 * @param rowGroupMs as of {@link parquetRows}
 * @throws UserError if the file cannot be read, or is no data file
 */
export async function* rowsOf(file: string, rowGroupMs?: number): AsyncGenerator<Row, string> {
  const source = await openSource(file);
  try {
    if (source.format === 'parquet') {
      let number = 0;
      for await (const row of parquetRows(file, rowGroupMs)) {
        number += 1;
        yield { number, place: `${file}: row ${number}`, columns: () => jsonOf(row) as Record<string, unknown> };
      }
      return await sha256Of(file);
    }
    const hash = createHash('sha256');
    const contents = source.contents((bytes) => void hash.update(bytes));
    let number = 0;
    for await (const piece of source.format === 'lines' ? linesOf(contents) : itemsOf(file, contents)) {
      number += 1;
      if (source.format === 'lines' && isBlank(piece)) continue;
      yield { number, place: `${file}:${piece.line}`, columns: () => columnsOf(piece) };
    }
    return hash.digest('hex');
  } finally {
    await source.close();
  }
}

async function sha256Of(file: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(file) as AsyncIterable<Uint8Array>) hash.update(chunk);
  return hash.digest('hex');
}

function isBlank({ bytes }: Piece): boolean {
  return bytes !== undefined && bytes.every((byte) => byte === 0x20 || (byte >= 0x09 && byte <= 0x0d));
}

function columnsOf({ bytes }: Piece): Readonly<Record<string, unknown>> {
  if (bytes === undefined) {
    throw new UserError(`longer than ${longestRecord >> 20} MiB; write one record a line, without line breaks inside`);
  }
  const value = parseJson(decodeUtf8(bytes));
  if (isMapping(value)) return value;
  throw new UserError(
    `found ${Array.isArray(value) ? 'a list' : value === null ? 'null' : `a ${typeof value}`}, expected an object`,
  );
}
