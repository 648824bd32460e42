/** Reads the rows of a Parquet file, one row group at a time. */
import { type FileHandle, open } from 'node:fs/promises';
import { UserError } from '@gapo/service';
import {
  type AsyncBuffer,
  type FileMetaData,
  parquetMetadataAsync,
  parquetReadObjects,
  parquetSchema,
  type SchemaTree,
} from 'hyparquet';
import { compressors } from 'hyparquet-compressors';
import { decodeUtf8 } from './jsonText.js';

/** A row as the library reads it. */
export type ParquetRow = Readonly<Record<string, unknown>>;

/** The most bytes of a row group, uncompressed, and its most rows: its values are in memory at once. */
const largestRowGroup = 1 << 30;
const mostRows = 1 << 24;

/**
 * Yields the rows of a file. A damaged one can keep the library busy for ever: see parquetRows.ts.
 *
 * @throws UserError if the file is damaged, or a row group is too large
 */
export async function* parquetGroups(file: string): AsyncGenerator<readonly ParquetRow[], void> {
  const handle = await open(file);
  try {
    const buffer: AsyncBuffer = {
      byteLength: (await handle.stat()).size,
      slice: (start, end) => bytesAt(handle, start, end),
    };
    const metadata = await parquetMetadataAsync(buffer);
    checkColumns(metadata);
    let rowStart = 0;
    for (const group of metadata.row_groups) {
      if (group.total_byte_size > largestRowGroup) {
        throw new UserError(
          `${file}: a row group of ${group.total_byte_size >> 20n} MiB; write smaller ones, for example with row_group_size=1000`,
        );
      }
      if (group.num_rows < 0n || group.num_rows > mostRows) {
        throw new UserError(
          `${file}: a row group of ${group.num_rows} rows; write groups of at most ${mostRows}, for example with row_group_size=1000`,
        );
      }
      const rowEnd = rowStart + Number(group.num_rows);
      const rows = await parquetReadObjects({
        file: buffer,
        metadata,
        rowStart,
        rowEnd,
        compressors,
        utf8: false, // strings without the annotation are decoded below, strictly
        geoparquet: false,
        parsers: { stringFromBytes: (bytes: Uint8Array | undefined) => bytes && decodeUtf8(bytes) },
      });
      yield rows;
      rowStart = rowEnd;
    }
  } catch (error) {
    if (error instanceof UserError)
      throw error.message.startsWith(file) ? error : new UserError(`${file}: ${error.message}`);
    throw new UserError(`${file}: damaged Parquet, or of a kind that is not supported: ${(error as Error).message}`, {
      cause: error,
    });
  } finally {
    await handle.close();
  }
}

/**
 * Checks that the columns of each row group are those of the schema, each once. The library reads any others without
 * waiting for them, so that their errors would end the process.
 *
 * @throws UserError if they are not
 */
function checkColumns(metadata: FileMetaData): void {
  const leaves = ({ children, path }: SchemaTree): string[] =>
    children.length === 0 ? [path.join('.')] : children.flatMap(leaves);
  const expected = leaves(parquetSchema(metadata)).sort();
  for (const [number, { columns }] of metadata.row_groups.entries()) {
    const found = columns.map(({ meta_data: column }) => column?.path_in_schema.join('.') ?? '').sort();
    if (found.join('\n') !== expected.join('\n')) {
      throw new UserError(`damaged Parquet: the columns of row group ${number} are not those of the schema`);
    }
  }
}

async function bytesAt(handle: FileHandle, start: number, end?: number): Promise<ArrayBuffer> {
  const size = (end ?? (await handle.stat()).size) - start;
  const buffer = new ArrayBuffer(size);
  for (let length = 0; length < size;) {
    const { bytesRead } = await handle.read(new Uint8Array(buffer), length, size - length, start + length);
    if (bytesRead === 0) throw new Error(`the file ends ${size - length} bytes early`);
    length += bytesRead;
  }
  return buffer;
}
