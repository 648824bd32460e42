/**
 * Frozen weights, in memory or in a safetensors file. A model of many gigabytes is never completely in memory: its files are
 * read once, in chunks, and then mapped.
 */
import type { Hash } from 'node:crypto';
import { closeSync, openSync, readSync } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { ModelError } from '../errors.js';
import { openFile } from '../files.js';
import { toFloat32 } from './floats.js';
import { type AnyEntry, type TensorEntry, headerEnd, parseHeader } from './safetensors.js';
import { type NamedTensor } from './tensors.js';

/** A float tensor in a file. */
export interface StoredTensor extends TensorEntry {
  /** Absolute. */
  readonly path: string;
}

/** A tensor of any type in a file. */
export interface AnyStoredTensor extends AnyEntry {
  /** Absolute. */
  readonly path: string;
}

/** A frozen weight. */
export type Weight = NamedTensor | StoredTensor;

/** Bytes per read: a multiple of every element size. */
const chunkLength = 4 << 20;

/**
 * Returns a weight's elements, from its file if it has one.
 *
 * @throws ModelError if the file was truncated since it was scanned
 */
export function elementsOf(weight: Weight): Float32Array {
  if ('data' in weight) return weight.data;
  const { path, offset, length, dtype } = weight;
  const bytes = new Uint8Array(length);
  const file = openSync(path, 'r');
  try {
    for (let at = 0; at < length;) {
      const read = readSync(file, bytes, at, Math.min(length - at, 1 << 30), offset + at);
      if (read === 0)
        throw new ModelError(path, `ends inside tensor '${weight.name}'; it has changed since it was read`);
      at += read;
    }
  } finally {
    closeSync(file);
  }
  return dtype === 'F32' ? new Float32Array(bytes.buffer) : toFloat32(bytes, dtype);
}

/**
 * Reads the header of a file.
 *
 * @returns its tensors, in the order of the header
 * @throws ModelError if it is missing, truncated or damaged
 */
export async function readEntries(path: string): Promise<readonly AnyStoredTensor[]> {
  const file = await openFile(path);
  try {
    const { size } = await file.stat();
    const start = await readRange(file, 0, Math.min(8, size));
    const header = await readRange(file, 0, headerEnd(start, path, size));
    const entries = parseHeader(header, path, size);
    let end = header.byteLength;
    for (const { name, offset, length } of [...entries].sort((a, b) => a.offset - b.offset)) {
      if (offset < end) throw new ModelError(path, `tensor '${name}' overlaps another; the file is damaged`);
      end = offset + length;
    }
    return entries.map((entry) => ({ ...entry, path }));
  } finally {
    await file.close();
  }
}

/**
 * Reads a file once: adds its bytes to the hash, and checks every element of some of its tensors.
 *
 * @throws ModelError if an element is not finite
 */
export async function scanFile(path: string, hash: Hash, tensors: readonly StoredTensor[]): Promise<void> {
  const file = await openFile(path);
  try {
    let at = 0;
    const rest = async (end: number): Promise<void> => {
      for await (const bytes of chunks(file, at, end - at)) hash.update(bytes);
    };
    for (const tensor of [...tensors].sort((a, b) => a.offset - b.offset)) {
      await rest(tensor.offset);
      for await (const bytes of chunks(file, tensor.offset, tensor.length)) {
        hash.update(bytes);
        assertFinite(bytes, tensor, path);
      }
      at = tensor.offset + tensor.length;
    }
    await rest((await file.stat()).size);
  } finally {
    await file.close();
  }
}

/**
 * Whether two tensors of the same type have the same shape and bytes.
 *
 * @throws ModelError if a file cannot be opened
 */
export async function haveSameBytes(a: AnyStoredTensor, b: AnyStoredTensor): Promise<boolean> {
  if (a.dtype !== b.dtype || a.shape.join() !== b.shape.join() || a.length !== b.length) return false;
  const [first, second] = [await openFile(a.path), await openFile(b.path)];
  try {
    const others = chunks(second, b.offset, b.length);
    for await (const bytes of chunks(first, a.offset, a.length)) {
      const other = await others.next();
      if (other.done === true || Buffer.compare(bytes, other.value) !== 0) return false;
    }
    return true;
  } finally {
    await first.close();
    await second.close();
  }
}

/** Yields a range of a file in chunks. A chunk is valid until the next one is requested. */
export async function* chunks(file: FileHandle, offset: number, length: number): AsyncGenerator<Uint8Array> {
  const buffer = Buffer.from(new ArrayBuffer(Math.min(length, chunkLength)));
  for (let at = 0; at < length;) {
    const wanted = Math.min(buffer.byteLength, length - at);
    await fill(file, buffer.subarray(0, wanted), offset + at);
    yield buffer.subarray(0, wanted);
    at += wanted;
  }
}

async function readRange(file: FileHandle, offset: number, length: number): Promise<Uint8Array> {
  const bytes = Buffer.alloc(length);
  await fill(file, bytes, offset);
  return bytes;
}

async function fill(file: FileHandle, bytes: Uint8Array, offset: number): Promise<void> {
  for (let at = 0; at < bytes.byteLength;) {
    const { bytesRead } = await file.read(bytes, at, bytes.byteLength - at, offset + at);
    if (bytesRead === 0) throw new Error(`the file ended ${bytes.byteLength - at} bytes early while it was read`);
    at += bytesRead;
  }
}

/**
 * Checks that elements are finite: in all three types, an exponent of ones means infinity or NaN.
 *
 * @throws ModelError if one is not
 */
function assertFinite(bytes: Uint8Array, { name, dtype }: TensorEntry, path: string): void {
  const mask = { F32: 0x7f800000, F16: 0x7c00, BF16: 0x7f80 }[dtype];
  const { buffer, byteOffset, byteLength } = bytes;
  const words =
    dtype === 'F32'
      ? new Uint32Array(buffer, byteOffset, byteLength / 4)
      : new Uint16Array(buffer, byteOffset, byteLength / 2);
  for (const word of words) {
    if ((word & mask) === mask) {
      const value = toFloat32(bytes, dtype).find((x) => !Number.isFinite(x));
      throw new ModelError(path, `tensor '${name}' has ${value}, which is not finite; the file is damaged`);
    }
  }
}
