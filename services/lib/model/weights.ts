/**
 * Frozen weights: in memory, or where they lie in a safetensors file. A model of many gigabytes is never held here as a
 * whole: its files are read once through, piece by piece, and afterwards only mapped.
 */
import type { Hash } from 'node:crypto';
import { closeSync, openSync, readSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { ModelError } from './errors.js';
import { type NamedTensor, type TensorEntry, headerEnd, parseHeader, toFloat32 } from './safetensors.js';

/** A tensor that lies in a file. */
export interface StoredTensor extends TensorEntry {
  /** Absolute. */
  readonly path: string;
}

/** A frozen weight by name. */
export type Weight = NamedTensor | StoredTensor;

/** Bytes in a piece: a multiple of every element's size. */
const pieceLength = 4 << 20;

/** A weight's elements, read from its file where they lie in one. */
export function elementsOf(weight: Weight): Float32Array {
  if ('data' in weight) return weight.data;
  const { path, offset, length, dtype } = weight;
  const bytes = new Uint8Array(length);
  const file = openSync(path, 'r');
  try {
    for (let at = 0; at < length;) {
      const read = readSync(file, bytes, at, Math.min(length - at, 1 << 30), offset + at);
      if (read === 0) throw new ModelError(path, `ends within tensor '${weight.name}'; it was changed`);
      at += read;
    }
  } finally {
    closeSync(file);
  }
  return dtype === 'F32' ? new Float32Array(bytes.buffer) : toFloat32(bytes, dtype);
}

/**
 * Reads a file once through: adds its bytes to the hash, and checks every element.
 * @returns its tensors, in the order of its header.
 * @throws ModelError where it is missing, cut short or damaged, or an element is not finite.
 */
export async function scanFile(path: string, hash: Hash): Promise<readonly StoredTensor[]> {
  const file = await openFile(path);
  try {
    const { size } = await file.stat();
    const start = await readPiece(file, 0, Math.min(8, size));
    const header = await readPiece(file, 0, headerEnd(start, path, size));
    const entries = parseHeader(header, path, size);
    hash.update(header);
    let at = header.byteLength;
    const rest = async (end: number): Promise<void> => {
      for await (const bytes of pieces(file, at, end - at)) hash.update(bytes);
    };
    for (const entry of [...entries].sort((a, b) => a.offset - b.offset)) {
      if (entry.offset < at) throw new ModelError(path, `tensor '${entry.name}' overlaps another; the file is damaged`);
      await rest(entry.offset);
      for await (const bytes of pieces(file, entry.offset, entry.length)) {
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

/** Opens a file to read. Throws ModelError where it cannot be. */
export async function openFile(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'r');
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    throw new ModelError(path, missing ? 'does not exist' : `cannot be read: ${(error as Error).message}`);
  }
}

/** A stretch of a file, piece by piece. Each piece is good until the next. */
export async function* pieces(file: FileHandle, offset: number, length: number): AsyncGenerator<Uint8Array> {
  const buffer = Buffer.from(new ArrayBuffer(Math.min(length, pieceLength)));
  for (let at = 0; at < length;) {
    const wanted = Math.min(buffer.byteLength, length - at);
    await fill(file, buffer.subarray(0, wanted), offset + at);
    yield buffer.subarray(0, wanted);
    at += wanted;
  }
}

async function readPiece(file: FileHandle, offset: number, length: number): Promise<Uint8Array> {
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

/** An exponent of ones is infinity or no number, in all three types. */
function assertFinite(bytes: Uint8Array, { name, dtype }: TensorEntry, path: string): void {
  const damaged = (value: string): ModelError =>
    new ModelError(path, `tensor '${name}' has ${value}, which is no finite number; the file is damaged`);
  if (dtype === 'F32') {
    const words = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
    for (let i = 0; i < words.length; i++) {
      if (((words[i] as number) & 0x7f800000) === 0x7f800000) throw damaged(String(toFloat32(bytes, dtype)[i]));
    }
    return;
  }
  const mask = dtype === 'BF16' ? 0x7f80 : 0x7c00;
  const halves = new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 2);
  for (let i = 0; i < halves.length; i++) {
    if (((halves[i] as number) & mask) === mask) throw damaged(String(toFloat32(bytes, dtype)[i]));
  }
}
