/**
 * The safetensors format: an 8-byte little-endian header length, a JSON header {name: {dtype, shape, data_offsets}},
 * then the tensors' bytes. The whole header is validated before any tensor is used. Files are written in a fixed order.
 */
import { setImmediate as eventLoopTurn } from 'node:timers/promises';
import { mostDimensions } from '@gapo/numeric';
import { writeAtomically } from '@gapo/service';
import { z } from 'zod';
import { ModelError } from '../errors.js';
import { readBytes } from '../files.js';
import { bytesPerElement, type FloatDtype, isFloatDtype, toFloat32 } from './floats.js';
import { bytesOf, type LazyTensor, type NamedTensor, sizeOf } from './tensors.js';

const entrySchema = z.object({
  dtype: z.string(),
  shape: z.array(z.int().nonnegative()).max(mostDimensions),
  data_offsets: z.tuple([z.int().nonnegative(), z.int().nonnegative()]),
});

const headerLengthBytes = 8;
/** The format's limit. */
const longestHeader = 100_000_000;

/** The position of a tensor of any type in its file. */
export interface AnyEntry {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly number[];
  /** From the start of the file. */
  readonly offset: number;
  readonly length: number;
}

/** The position of a float tensor in its file. */
export interface TensorEntry extends AnyEntry {
  readonly dtype: FloatDtype;
}

/**
 * Returns the length of a file's header in bytes, from its first 8 bytes.
 *
 * @throws ModelError if the file is too short for it
 */
export function headerEnd(start: Uint8Array, path: string, fileLength: number): number {
  if (start.byteLength < headerLengthBytes) {
    throw new ModelError(path, `is ${start.byteLength} bytes long, too short for safetensors; fetch the file again`);
  }
  const view = new DataView(start.buffer, start.byteOffset, start.byteLength);
  const headerLength = Number(view.getBigUint64(0, true));
  if (headerLengthBytes + headerLength > fileLength) {
    throw new ModelError(
      path,
      `says its header has ${headerLength} bytes, but the file ends after ${fileLength}; it is cut short or not safetensors`,
    );
  }
  if (headerLength > longestHeader) {
    throw new ModelError(
      path,
      `says its header has ${headerLength} bytes, above the format's ${longestHeader}; it is damaged or not safetensors`,
    );
  }
  return headerLengthBytes + headerLength;
}

/**
 * Parses the header of a safetensors file.
 *
 * @param bytes the file, or its start up to the end of the header
 * @throws ModelError if the file is truncated, damaged or not safetensors
 */
export function parseHeader(bytes: Uint8Array, path: string, fileLength = bytes.byteLength): readonly AnyEntry[] {
  const dataStart = headerEnd(bytes, path, fileLength);
  const header = headerObject(bytes.subarray(headerLengthBytes, dataStart), path);
  const entries: AnyEntry[] = [];
  for (const [name, value] of Object.entries(header)) {
    if (name === '__metadata__') continue;
    const parsed = entrySchema.safeParse(value);
    if (!parsed.success) throw new ModelError(path, `tensor '${name}' has no valid dtype, shape and data_offsets`);
    const {
      dtype,
      shape,
      data_offsets: [start, end],
    } = parsed.data;
    if (!isFloatDtype(dtype)) {
      // Its elements are never read.
      entries.push({ name, dtype, shape, offset: dataStart + start, length: Math.max(0, end - start) });
      continue;
    }
    const expected = bytesPerElement[dtype] * sizeOf(shape);
    if (end - start !== expected) {
      throw new ModelError(
        path,
        `tensor '${name}' [${shape.join()}] needs ${expected} bytes of ${dtype}, its offsets span ${end - start}`,
      );
    }
    if (dataStart + end > fileLength) {
      throw new ModelError(
        path,
        `tensor '${name}' ends at byte ${dataStart + end}, the file at ${fileLength}; it is cut short: fetch it again`,
      );
    }
    entries.push({ name, dtype, shape, offset: dataStart + start, length: expected });
  }
  return entries;
}

/** Whether a tensor has a readable type. */
export function isFloat<E extends AnyEntry>(entry: E): entry is E & { readonly dtype: FloatDtype } {
  return isFloatDtype(entry.dtype);
}

/** Reports that a tensor's type cannot be read. */
export function typeProblem({ name, dtype }: AnyEntry): string {
  return `tensor '${name}' is ${dtype}; F32, F16 and BF16 can be read`;
}

/**
 * Parses the metadata of a safetensors file: texts by name.
 *
 * @throws ModelError if the file is damaged or not safetensors
 */
export function parseMetadata(bytes: Uint8Array, path: string): Readonly<Record<string, string>> {
  const header = headerObject(bytes.subarray(headerLengthBytes, headerEnd(bytes, path, bytes.byteLength)), path);
  const parsed = z.record(z.string(), z.string()).nullish().safeParse(header['__metadata__']);
  if (!parsed.success) throw new ModelError(path, 'has metadata that is not texts; it is damaged or not safetensors');
  return parsed.data ?? {};
}

function headerObject(json: Uint8Array, path: string): Readonly<Record<string, unknown>> {
  let header: unknown;
  try {
    header = JSON.parse(Buffer.from(json).toString('utf8'));
  } catch (error) {
    throw new ModelError(
      path,
      `has a header that is not JSON (${(error as Error).message}); it is damaged or not safetensors`,
    );
  }
  if (typeof header !== 'object' || header === null || Array.isArray(header)) {
    throw new ModelError(path, 'has a header that is not a JSON object; it is damaged or not safetensors');
  }
  return header as Readonly<Record<string, unknown>>;
}

/**
 * Parses a safetensors file into float32 tensors. F16 and BF16 are widened exactly.
 *
 * @throws ModelError if the file is damaged, or an element is not finite
 */
export function parseTensors(bytes: Uint8Array, path: string): readonly NamedTensor[] {
  return parseHeader(bytes, path).map((entry) => parseTensor(bytes, entry, path));
}

function parseTensor(bytes: Uint8Array, entry: AnyEntry, path: string): NamedTensor {
  if (!isFloat(entry)) throw new ModelError(path, typeProblem(entry));
  const data = toFloat32(bytes.subarray(entry.offset, entry.offset + entry.length), entry.dtype);
  const bad = firstNonFinite(data);
  if (bad >= 0)
    throw new ModelError(path, `tensor '${entry.name}' has ${data[bad]} at element ${bad}; the file is damaged`);
  return { name: entry.name, shape: entry.shape, data };
}

/**
 * Returns the index of the first non-finite number; -1 if there is none. Uses a loop because a callback per element is slow.
 */
function firstNonFinite(data: Float32Array): number {
  for (let i = 0; i < data.length; i++) if (!Number.isFinite(data[i])) return i;
  return -1;
}

/** Bytes after which to yield to the event loop. */
const bytesPerTurn = 1 << 22;

/**
 * Reads a safetensors file. Other work continues between tensors.
 *
 * @throws ModelError if it is missing or damaged
 */
export async function readSafetensors(path: string): Promise<readonly NamedTensor[]> {
  const bytes = await readBytes(path);
  const tensors: NamedTensor[] = [];
  let sinceTurn = 0;
  for (const entry of parseHeader(bytes, path)) {
    tensors.push(parseTensor(bytes, entry, path));
    sinceTurn += entry.length;
    if (sinceTurn < bytesPerTurn) continue;
    sinceTurn = 0;
    await eventLoopTurn();
  }
  return tensors;
}

/** Encodes the header of a file whose tensors follow in the given order. The first one starts at a multiple of 8 bytes. */
export function encodeHeader(
  entries: readonly Omit<TensorEntry, 'offset'>[],
  metadata: Readonly<Record<string, string>> = { format: 'pt' },
): Uint8Array {
  const header: Record<string, unknown> = { __metadata__: metadata };
  let offset = 0;
  for (const { name, dtype, shape, length } of entries) {
    header[name] = { dtype, shape, data_offsets: [offset, offset + length] };
    offset += length;
  }
  let json = JSON.stringify(header);
  json += ' '.repeat((headerLengthBytes - (Buffer.byteLength(json) % headerLengthBytes)) % headerLengthBytes);
  const bytes = Buffer.alloc(headerLengthBytes + Buffer.byteLength(json));
  bytes.writeBigUInt64LE(BigInt(Buffer.byteLength(json)), 0);
  bytes.write(json, headerLengthBytes);
  return bytes;
}

/**
 * Yields a safetensors file in pieces: its header, then views of the tensors, in the given order. Nothing is copied. Equal
 * tensors give equal bytes.
 */
export function* safetensorsChunks(
  tensors: readonly NamedTensor[],
  metadata?: Readonly<Record<string, string>>,
): Generator<Uint8Array> {
  const entries = tensors.map(
    ({ name, shape, data }) => ({ name, shape, dtype: 'F32', length: data.byteLength }) as const,
  );
  yield encodeHeader(entries, metadata);
  for (const { data } of tensors) yield bytesOf(data);
}

/**
 * Writes a safetensors file atomically, in the given order. At most one lazy tensor is in memory at a time.
 *
 * @returns the position of each tensor
 * @throws UserError if the file cannot be written
 */
export async function writeSafetensors(
  path: string,
  tensors: readonly (NamedTensor | LazyTensor)[],
  metadata?: Readonly<Record<string, string>>,
): Promise<readonly TensorEntry[]> {
  const entries = tensors.map(({ name, shape }) => {
    const length = bytesPerElement.F32 * sizeOf(shape);
    return { name, shape, dtype: 'F32', length } as const;
  });
  const header = encodeHeader(entries, metadata);
  function* chunks(): Generator<Uint8Array> {
    yield header;
    for (const tensor of tensors) yield bytesOf('data' in tensor ? tensor.data : tensor.elements());
  }
  await writeAtomically(path, chunks());
  let offset = header.byteLength;
  return entries.map((entry) => ({ ...entry, offset: (offset += entry.length) - entry.length }));
}
