/**
 * Frozen weights, in memory or in a safetensors file. A model of many gigabytes is never completely in memory: its files are
 * read once, in chunks, and then mapped.
 */
import type { Hash } from 'node:crypto';
import { closeSync, openSync, readSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { ModelError } from '../errors.js';
import { toFloat32 } from './floats.js';
import { type TensorEntry, headerEnd, parseHeader } from './safetensors.js';
import { type NamedTensor } from './tensors.js';

/** A tensor in a file. */
export interface StoredTensor extends TensorEntry {
  /** Absolute. */
  readonly path: string;
}

/** A frozen weight. */
export type Weight = NamedTensor | StoredTensor;

/** Bytes per read: a multiple of every element's size. */
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
 * Reads a file once, adds its bytes to the hash and checks every element.
 *
 * @returns its tensors, in the order of its header
 * @throws ModelError if it is missing, cut short or damaged, or an element is not finite
 */
export async function scanFile(path: string, hash: Hash): Promise<readonly StoredTensor[]> {
  const file = await openFile(path);
  try {
    const { size } = await file.stat();
    const start = await readRange(file, 0, Math.min(8, size));
    const header = await readRange(file, 0, headerEnd(start, path, size));
    const entries = parseHeader(header, path, size);
    hash.update(header);
    let at = header.byteLength;
    const rest = async (end: number): Promise<void> => {
      for await (const bytes of chunks(file, at, end - at)) hash.update(bytes);
    };
    for (const entry of [...entries].sort((a, b) => a.offset - b.offset)) {
      if (entry.offset < at) throw new ModelError(path, `tensor '${entry.name}' overlaps another; the file is damaged`);
      await rest(entry.offset);
      for await (const bytes of chunks(file, entry.offset, entry.length)) {
        hash.update(bytes);
        assertFinite(bytes, entry, path);
      }
      at = entry.offset + entry.length;
    }
    await rest(size);
    return entries.map((entry) => ({ ...entry, path }));
  } finally {
    await file.close();
  }
}

/**
 * Opens a file for reading.
 *
 * @throws ModelError if it cannot be opened
 */
export async function openFile(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'r');
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    throw new ModelError(path, missing ? 'does not exist' : `cannot be read: ${(error as Error).message}`);
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
