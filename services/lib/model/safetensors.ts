/**
 * The safetensors format: an 8-byte little-endian header length, a JSON header {name: {dtype, shape, data_offsets}},
 * then the tensors' bytes. Read whole and validated before any tensor is used; written in a fixed order.
 */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { writeAtomically } from '@gapo/service';
import { z } from 'zod';
import { ModelError } from './errors.js';

/** A float32 tensor by name. */
export interface NamedTensor {
  readonly name: string;
  readonly shape: readonly number[];
  /** Row-major. */
  readonly data: Float32Array;
}

const entrySchema = z.object({
  dtype: z.string(),
  shape: z.array(z.int().nonnegative()),
  data_offsets: z.tuple([z.int().nonnegative(), z.int().nonnegative()]),
});

/** Element types that can be read. */
export type FloatDtype = 'F32' | 'F16' | 'BF16';

const bytesPerElement: Readonly<Record<FloatDtype, number>> = { F32: 4, F16: 2, BF16: 2 };
const headerLengthBytes = 8;

/** Where a tensor lies in its file. */
export interface TensorEntry {
  readonly name: string;
  readonly dtype: FloatDtype;
  readonly shape: readonly number[];
  /** From the start of the file. */
  readonly offset: number;
  readonly length: number;
}

/** Bytes at the start of a file that its header takes, from the first 8 of them. */
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
  return headerLengthBytes + headerLength;
}

/**
 * The tensors of a safetensors file's header. Throws ModelError where the file is cut short, damaged or not safetensors.
 * @param bytes the file, or its start as far as the header goes.
 */
export function parseHeader(bytes: Uint8Array, path: string, fileLength = bytes.byteLength): readonly TensorEntry[] {
  const dataStart = headerEnd(bytes, path, fileLength);
  const header = headerObject(bytes.subarray(headerLengthBytes, dataStart), path);
  const entries: TensorEntry[] = [];
  for (const [name, value] of Object.entries(header)) {
    if (name === '__metadata__') continue;
    const parsed = entrySchema.safeParse(value);
    if (!parsed.success) throw new ModelError(path, `tensor '${name}' has no valid dtype, shape and data_offsets`);
    const {
      dtype,
      shape,
      data_offsets: [start, end],
    } = parsed.data;
    if (!isFloatDtype(dtype)) throw new ModelError(path, `tensor '${name}' is ${dtype}; F32, F16 and BF16 can be read`);
    const expected = bytesPerElement[dtype] * shape.reduce((product, extent) => product * extent, 1);
    if (end - start !== expected) {
      throw new ModelError(
        path,
        `tensor '${name}' [${shape.join()}] needs ${expected} bytes of ${dtype}, its offsets hold ${end - start}`,
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

/** The texts that a file's header holds beside its tensors. Throws as parseHeader. */
export function parseMetadata(bytes: Uint8Array, path: string): Readonly<Record<string, string>> {
  const header = headerObject(bytes.subarray(headerLengthBytes, headerEnd(bytes, path, bytes.byteLength)), path);
  const parsed = z.record(z.string(), z.string()).optional().safeParse(header['__metadata__']);
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

function isFloatDtype(dtype: string): dtype is FloatDtype {
  return dtype in bytesPerElement;
}

/** The tensors of a file as float32. F16 and BF16 are widened exactly. Throws ModelError where an element is not finite. */
export function parseTensors(bytes: Uint8Array, path: string): readonly NamedTensor[] {
  return parseHeader(bytes, path).map((entry) => {
    const data = toFloat32(bytes.subarray(entry.offset, entry.offset + entry.length), entry.dtype);
    const bad = data.findIndex((x) => !Number.isFinite(x));
    if (bad >= 0)
      throw new ModelError(path, `tensor '${entry.name}' has ${data[bad]} at element ${bad}; the file is damaged`);
    return { name: entry.name, shape: entry.shape, data };
  });
}

/** Reads a safetensors file. Throws ModelError where it is missing or damaged. */
export async function readSafetensors(path: string): Promise<readonly NamedTensor[]> {
  return parseTensors(await readBytes(path), path);
}

/** A file's bytes. Throws ModelError where it cannot be read. */
export async function readBytes(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    throw new ModelError(path, missing ? 'does not exist' : `cannot be read: ${(error as Error).message}`);
  }
}

/** The start of a file whose tensors follow in the order given, up to their first byte: a multiple of 8. */
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

/** Encodes tensors as a safetensors file, in the order given: equal tensors make equal bytes. */
export function encodeSafetensors(
  tensors: readonly NamedTensor[],
  metadata: Readonly<Record<string, string>> = { format: 'pt' },
): Uint8Array {
  const entries = tensors.map(
    ({ name, shape, data }) => ({ name, shape, dtype: 'F32', length: data.byteLength }) as const,
  );
  const header = encodeHeader(entries, metadata);
  const total = entries.reduce((sum, { length }) => sum + length, header.byteLength);
  const bytes = Buffer.alloc(total);
  bytes.set(header);
  let at = header.byteLength;
  for (const { data } of tensors) {
    bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), at);
    at += data.byteLength;
  }
  return bytes;
}

/** A float32 tensor whose elements are made when they are written. */
export interface LazyTensor extends Omit<NamedTensor, 'data'> {
  elements(): Float32Array;
}

/**
 * Writes a safetensors file, whole or not at all, one tensor after the other in the order given: no more than one of the
 * lazy ones is in memory.
 *
 * @returns where each tensor lies
 */
export async function writeSafetensors(
  path: string,
  tensors: readonly (NamedTensor | LazyTensor)[],
  metadata?: Readonly<Record<string, string>>,
): Promise<readonly TensorEntry[]> {
  const entries = tensors.map(({ name, shape }) => {
    const length = Float32Array.BYTES_PER_ELEMENT * shape.reduce((product, extent) => product * extent, 1);
    return { name, shape, dtype: 'F32', length } as const;
  });
  const header = encodeHeader(entries, metadata);
  function* pieces(): Generator<Uint8Array> {
    yield header;
    for (const tensor of tensors) {
      const data = 'data' in tensor ? tensor.data : tensor.elements();
      yield new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    }
  }
  await writeAtomically(path, pieces());
  let offset = header.byteLength;
  return entries.map((entry) => ({ ...entry, offset: (offset += entry.length) - entry.length }));
}

/** SHA-256 (hex) of the tensors' concatenated bytes. */
export function sha256OfTensors(tensors: readonly NamedTensor[]): string {
  const hash = createHash('sha256');
  for (const { data } of tensors) hash.update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  return hash.digest('hex');
}

/** A tensor's bytes as float32, in memory of its own. F16 and BF16 are widened exactly. */
export function toFloat32(bytes: Uint8Array, dtype: FloatDtype): Float32Array {
  const raw = Uint8Array.from(bytes); // a copy of its own: aligned, and the file can be let go
  if (dtype === 'F32') return new Float32Array(raw.buffer);
  const halves = new Uint16Array(raw.buffer);
  const words = new Uint32Array(halves.length);
  for (let i = 0; i < halves.length; i++) {
    const half = halves[i] as number;
    words[i] = dtype === 'BF16' ? half << 16 : widenHalf(half);
  }
  return new Float32Array(words.buffer);
}

/**
 * Float32 as bytes of a type, rounded to the nearest, ties to even.
 * @throws RangeError where a number is beyond what the type holds.
 */
export function fromFloat32(data: Float32Array, dtype: FloatDtype): Uint8Array {
  if (dtype === 'F32') return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  const words = new Uint32Array(data.buffer, data.byteOffset, data.length);
  const narrow = dtype === 'BF16' ? narrowBrain : narrowHalf;
  const halves = Uint16Array.from(words, narrow);
  return new Uint8Array(halves.buffer);
}

/** A whole number shifted right, to the nearest, ties to even. */
function shiftRounded(word: number, bits: number): number {
  const half = 2 ** (bits - 1);
  const quotient = Math.floor(word / 2 ** bits);
  const rest = word - quotient * 2 ** bits;
  return rest > half || (rest === half && quotient % 2 === 1) ? quotient + 1 : quotient;
}

/** The bfloat16 of a float32's bits. */
function narrowBrain(word: number): number {
  const half = shiftRounded(word, 16);
  if ((half & 0x7f80) === 0x7f80) throw new RangeError('a number is beyond what BF16 holds');
  return half;
}

/** The IEEE 754 binary16 of a float32's bits. */
function narrowHalf(word: number): number {
  const sign = (word >>> 16) & 0x8000;
  const exponent = ((word >>> 23) & 0xff) - 112;
  const fraction = word & 0x7fffff;
  // A subnormal has no leading one of its own; rounding up may carry into the exponent, as it should.
  const half =
    exponent > 0 ? shiftRounded(exponent * 2 ** 23 + fraction, 13) : shiftRounded(fraction + 2 ** 23, 14 - exponent);
  if (half >= 0x7c00) throw new RangeError('a number is beyond what F16 holds');
  return sign | half;
}

/** The float32 bits of an IEEE 754 binary16. */
function widenHalf(half: number): number {
  const sign = (half & 0x8000) << 16;
  const exponent = (half >> 10) & 0x1f;
  const fraction = half & 0x3ff;
  if (exponent === 0x1f) return sign | 0x7f800000 | (fraction << 13);
  if (exponent !== 0) return sign | ((exponent + 112) << 23) | (fraction << 13);
  if (fraction === 0) return sign;
  const shift = Math.clz32(fraction) - 21; // subnormal: move the leading one to bit 10
  return sign | ((113 - shift) << 23) | (((fraction << shift) & 0x3ff) << 13);
}
