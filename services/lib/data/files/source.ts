/** Opens a data file: finds out by its first bytes what it contains, and streams those that are JSON. */
import { constants as fileConstants } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { Readable, pipeline } from 'node:stream';
import { constants, createGunzip, gunzipSync } from 'node:zlib';
import { UserError } from '@gapo/service';

/** Formats of a data file. */
export type FileFormat = 'lines' | 'array' | 'parquet';

/** An open data file. */
export interface Source {
  readonly format: FileFormat;
  /** Streams the file's contents, uncompressed and without a byte-order mark. `onBytes` receives the bytes as stored. */
  contents(onBytes: (bytes: Uint8Array) => void): AsyncGenerator<Uint8Array>;
  close(): Promise<void>;
}

/** Bytes that are read to recognize a format, and the size of the chunks after them. */
const headBytes = 1 << 12;
const chunkBytes = 1 << 18;

const toJsonLines =
  'datasets.Dataset.to_json(PATH) and pandas.DataFrame.to_json(PATH, orient="records", lines=True) do';

/** Formats that are refused, by their first bytes. */
const refused: readonly (readonly [magic: readonly number[], what: string, remedy: string])[] = [
  [[...Buffer.from('ARROW1')], 'an Arrow file', 'write Parquet: datasets.load_from_disk(FOLDER).to_parquet(PATH)'],
  [[0xff, 0xff, 0xff, 0xff], 'an Arrow stream', 'write Parquet: datasets.load_from_disk(FOLDER).to_parquet(PATH)'],
  [[0x50, 0x4b, 0x03, 0x04], 'a ZIP archive or a spreadsheet', `unpack it, or export JSON Lines: ${toJsonLines}`],
  [[0xd0, 0xcf, 0x11, 0xe0], 'a spreadsheet', `export JSON Lines: ${toJsonLines}`],
  [[0x28, 0xb5, 0x2f, 0xfd], 'compressed with zstd', 'decompress it (zstd -d), or compress it with gzip'],
  [[...Buffer.from('BZh')], 'compressed with bzip2', 'decompress it (bunzip2), or compress it with gzip'],
  [[0xfd, 0x37, 0x7a, 0x58, 0x5a, 0], 'compressed with xz', 'decompress it (unxz), or compress it with gzip'],
  [[0x80, 0x02], 'a Python pickle', `write JSON Lines: ${toJsonLines}`],
  [[0x80, 0x04], 'a Python pickle', `write JSON Lines: ${toJsonLines}`],
  [[...Buffer.from('SQLite format 3')], 'an SQLite database', `export JSON Lines: ${toJsonLines}`],
  [[0xff, 0xfe], 'UTF-16', 'save the file as UTF-8'],
  [[0xfe, 0xff], 'UTF-16', 'save the file as UTF-8'],
];

const gzipMagic = [0x1f, 0x8b];
const parquetMagic = [...Buffer.from('PAR1')];
const byteOrderMark = [0xef, 0xbb, 0xbf];

/** Formats that the end of a name stands for. A name with another end says nothing. */
const named: Readonly<Record<string, readonly FileFormat[]>> = {
  jsonl: ['lines'],
  ndjson: ['lines'],
  json: ['lines', 'array'], // data sets of the Hub have lines in files of both names
  parquet: ['parquet'],
};
const formatWords = { lines: 'JSON Lines', array: 'a JSON array', parquet: 'Parquet' } as const;

/**
 * Opens a data file.
 *
 * @throws UserError if it cannot be read, is of another format, or its name stands for another format
 */
export async function openSource(file: string): Promise<Source> {
  const handle = await opened(file);
  try {
    const head = await read(handle, headBytes);
    const gzip = begins(head, gzipMagic);
    const text = gzip ? gunzippedHead(file, head) : head;
    const format = formatOf(file, text, gzip);
    assertNamed(file, format, gzip);
    return {
      format,
      contents: (onBytes) => contentsOf(file, handle, head, gzip, onBytes),
      close: () => handle.close(),
    };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

async function opened(file: string): Promise<FileHandle> {
  const advice = 'name a file of JSON Lines, a JSON array or Parquet';
  try {
    // Opening a pipe, or reading from it, could wait without an end.
    const status = await stat(file);
    if (status.isFile()) return await open(file, fileConstants.O_RDONLY | fileConstants.O_NONBLOCK);
    throw new UserError(`${file}: is ${status.isDirectory() ? 'a directory' : 'not a regular file'}; ${advice}`);
  } catch (error) {
    if (error instanceof UserError) throw error;
    const { code, message } = error as NodeJS.ErrnoException;
    const why = code === 'ENOENT' ? 'does not exist' : `cannot be read: ${message}`;
    throw new UserError(`${file}: ${why}; ${advice}`, { cause: error });
  }
}

/** Reads up to `size` bytes: fewer at the end of the file only. */
async function read(handle: FileHandle, size: number): Promise<Uint8Array> {
  const bytes = Buffer.allocUnsafe(size);
  let length = 0;
  while (length < size) {
    const { bytesRead } = await handle.read(bytes, length, size - length, null);
    if (bytesRead === 0) break;
    length += bytesRead;
  }
  return bytes.subarray(0, length);
}

function begins(bytes: Uint8Array, magic: readonly number[]): boolean {
  return bytes.length >= magic.length && magic.every((byte, i) => bytes[i] === byte);
}

function gunzippedHead(file: string, head: Uint8Array): Uint8Array {
  try {
    return gunzipSync(head, { finishFlush: constants.Z_SYNC_FLUSH });
  } catch (error) {
    throw damagedGzip(file, error);
  }
}

function damagedGzip(file: string, error: unknown): UserError {
  return new UserError(`${file}: damaged gzip data: ${(error as Error).message}; copy the file again`, {
    cause: error,
  });
}

function formatOf(file: string, head: Uint8Array, gzip: boolean): FileFormat {
  if (begins(head, parquetMagic)) {
    if (!gzip) return 'parquet';
    throw new UserError(`${file}: Parquet within gzip; decompress it (Parquet compresses its columns itself)`);
  }
  for (const [magic, what, remedy] of refused) {
    if (begins(head, magic)) throw new UserError(`${file}: ${what}; ${remedy}`);
  }
  const start = begins(head, byteOrderMark) ? byteOrderMark.length : 0;
  const first = head.subarray(start).find((byte) => !isSpace(byte));
  if (first === '['.charCodeAt(0)) return 'array';
  const separated = /\.(csv|tsv)(\.gz)?$/i.exec(file)?.[1]?.toUpperCase();
  if (separated !== undefined) {
    throw new UserError(
      `${file}: ${separated}, whose line breaks and types readers disagree on; convert it: ` +
        `datasets.load_dataset("csv", data_files=PATH)["train"].to_json("PATH.jsonl")`,
    );
  }
  return 'lines';
}

function isSpace(byte: number): boolean {
  return byte === 0x20 || (byte >= 0x09 && byte <= 0x0d);
}

/** @throws UserError if the name stands for another format than the contents have */
function assertNamed(file: string, format: FileFormat, gzip: boolean): void {
  const compressed = /\.gz$/i.test(file);
  if (compressed && !gzip) throw new UserError(`${file}: the name says gzip, the contents are not; rename the file`);
  if (gzip && !compressed && /\.(jsonl|ndjson|json|parquet)$/i.test(file)) {
    throw new UserError(`${file}: the contents are compressed with gzip; add .gz to the name`);
  }
  const end = /\.(\w+)(\.gz)?$/.exec(file)?.[1]?.toLowerCase() ?? '';
  const expected = named[end];
  if (expected === undefined || expected.includes(format)) return;
  throw new UserError(
    `${file}: the name says ${expected.map((each) => formatWords[each]).join(' or ')}, the contents are ` +
      `${format === 'lines' ? 'text' : formatWords[format]}; ` +
      (format === 'array' ? 'name it .json, or write one record a line' : 'rename or convert the file'),
  );
}

async function* contentsOf(
  file: string,
  handle: FileHandle,
  head: Uint8Array,
  gzip: boolean,
  onBytes: (bytes: Uint8Array) => void,
): AsyncGenerator<Uint8Array> {
  const stored = storedBytes(file, handle, head, onBytes);
  let first = true;
  for await (const chunk of gzip ? gunzipped(file, stored) : stored) {
    // The mark lies within the first chunk: chunks have at least that many bytes unless the file ends.
    yield first && begins(chunk, byteOrderMark) ? chunk.subarray(byteOrderMark.length) : chunk;
    first = false;
  }
}

async function* storedBytes(
  file: string,
  handle: FileHandle,
  head: Uint8Array,
  onBytes: (bytes: Uint8Array) => void,
): AsyncGenerator<Uint8Array> {
  for (let chunk = head; chunk.length > 0;) {
    onBytes(chunk);
    yield chunk;
    try {
      chunk = await read(handle, chunkBytes);
    } catch (error) {
      throw new UserError(`${file}: cannot be read: ${(error as Error).message}`, { cause: error });
    }
  }
}

async function* gunzipped(file: string, stored: AsyncGenerator<Uint8Array>): AsyncGenerator<Uint8Array> {
  const gunzip = createGunzip();
  // An error destroys the stream, so that the loop below throws it.
  pipeline(Readable.from(stored), gunzip, () => undefined);
  try {
    for await (const chunk of gunzip as AsyncIterable<Uint8Array>) yield chunk;
  } catch (error) {
    throw error instanceof UserError ? error : damagedGzip(file, error);
  }
}
