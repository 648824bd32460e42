// Tensors too large for one message: cut into chunks on one side, put together and checked on the other.
import { createHash, type Hash } from 'node:crypto';
import { RpcError } from './error.js';
import type { TensorChunk, TensorHeader } from './gen/messages.js';
import { arrayOver, bytesOf, elementType, extentOf, type Extent, type TensorData } from './tensor.js';

/** Bytes of a chunk unless said otherwise: 1 MiB. */
export const defaultChunkBytes = 1 << 20;

/**
 * The concatenation of the arrays' bytes, cut into chunks of equal size (the last one may be shorter). A chunk within one array reads it
 * without copying: leave the arrays unchanged until the chunks are sent. Only a chunk that spans arrays is put together.
 */
export function* chunks(
  data: Iterable<TensorData>,
  chunkBytes = defaultChunkBytes,
): Generator<TensorChunk, void, undefined> {
  if (!Number.isSafeInteger(chunkBytes) || chunkBytes < 1) {
    throw new RangeError(`chunkBytes is ${chunkBytes}; a chunk has at least one byte`);
  }
  let offset = 0;
  let pieces: Buffer[] = [];
  let held = 0;
  const take = (): TensorChunk => {
    const chunk = { offset, data: pieces.length === 1 ? (pieces[0] as Buffer) : Buffer.concat(pieces, held) };
    offset += held;
    [pieces, held] = [[], 0];
    return chunk;
  };
  for (const array of data) {
    const bytes = bytesOf(array);
    for (let at = 0; at < bytes.length;) {
      const piece = bytes.subarray(at, at + chunkBytes - held);
      pieces.push(piece);
      held += piece.length;
      at += piece.length;
      if (held === chunkBytes) yield take();
    }
  }
  if (held > 0) yield take();
}

/** A tensor that was put together. */
export interface AssembledTensor {
  /** As announced. */
  header: TensorHeader;
  /** Its elements, in the array that was allocated for them or in memory of their own. */
  data: TensorData;
}

/** Options of {@link TensorAssembler}. */
export interface AssemblerOptions {
  /** SHA-256 (hex) that the concatenated bytes must have; not checked where left out. */
  sha256?: string | undefined;
  /** Who sends, for errors, as `policy version 17 from coordinator:50050`. */
  what?: string;
  /**
   * The array that a tensor goes to, of its element type and length; called when the tensor's first byte arrives. Memory that is
   * used again costs no page faults, which take longer than the copying.
   * @param index the tensor's place among the headers
   * @default memory of its own, also where it returns undefined
   */
  allocate?: ((header: TensorHeader, index: number) => TensorData | undefined) | undefined;
}

interface Slot extends Extent {
  header: TensorHeader;
  /** Where the tensor starts in the concatenation. */
  start: number;
  /** Its memory, taken when its first byte arrives: a header alone costs nothing. */
  data: TensorData | undefined;
  /** The bytes of the same memory. */
  bytes: Uint8Array;
}

const noBytes = new Uint8Array(0);

/**
 * Puts chunks together into tensors. Every byte is copied once. Errors are RpcErrors with DATA_LOSS, but for a header that is wrong
 * in itself (INVALID_ARGUMENT), and say what was expected.
 */
export class TensorAssembler {
  /** Bytes that the headers announce. */
  readonly totalBytes: number;
  readonly #slots: Slot[] = [];
  readonly #hash: Hash | undefined;
  readonly #sha256: string | undefined;
  readonly #what: string;
  readonly #allocate: AssemblerOptions['allocate'];
  #received = 0;
  #current = 0;

  constructor(headers: readonly TensorHeader[], options: AssemblerOptions = {}) {
    this.#what = options.what ?? 'the tensor stream';
    this.#allocate = options.allocate;
    this.#sha256 = options.sha256?.toLowerCase();
    this.#hash = this.#sha256 === undefined ? undefined : createHash('sha256');
    const names = new Set<string>();
    let start = 0;
    for (const header of headers) {
      if (names.has(header.name)) {
        throw new RpcError('INVALID_ARGUMENT', `${this.#what} announces tensor '${header.name}' twice`);
      }
      names.add(header.name);
      const extent = extentOf(header);
      this.#slots.push({ header, ...extent, start, data: undefined, bytes: noBytes });
      start += extent.byteLength;
    }
    this.totalBytes = start;
  }

  /** Bytes that have arrived. */
  get receivedBytes(): number {
    return this.#received;
  }

  /** Takes the next chunk. */
  add(chunk: TensorChunk): void {
    const { offset, data } = chunk;
    if (offset !== this.#received) {
      throw this.#loss(`a chunk starts at byte ${offset} where byte ${this.#received} comes next`);
    }
    if (offset + data.length > this.totalBytes) {
      throw this.#loss(`it sends ${offset + data.length} bytes or more; its headers announce ${this.totalBytes}`);
    }
    this.#hash?.update(data);
    for (let at = 0; at < data.length;) {
      const slot = this.#slots[this.#current] as Slot;
      const within = this.#received - slot.start;
      if (within === slot.byteLength) {
        this.#current += 1; // full, or without elements
        continue;
      }
      if (slot.data === undefined) this.#place(slot, this.#current);
      const piece = data.subarray(at, at + slot.byteLength - within);
      slot.bytes.set(piece, within);
      at += piece.length;
      this.#received += piece.length;
    }
  }

  /** The tensors, in the order of the headers, once every byte has arrived. */
  finish(): AssembledTensor[] {
    if (this.#received !== this.totalBytes) {
      throw this.#loss(`it ends after ${this.#received} bytes; its headers announce ${this.totalBytes}`);
    }
    const found = this.#hash?.digest('hex');
    if (found !== this.#sha256) throw this.#loss(`its bytes have SHA-256 ${found}; ${this.#sha256} was announced`);
    return this.#slots.map(({ header, dtype, data }) => ({
      header,
      data: data ?? arrayOver(dtype, new ArrayBuffer(0), 0, 0),
    }));
  }

  #place(slot: Slot, index: number): void {
    const { header, dtype, length, byteLength } = slot;
    const given = this.#allocate?.(header, index);
    if (given !== undefined && (elementType(given) !== dtype || given.length !== length)) {
      throw new RangeError(
        `tensor '${header.name}' is ${dtype} with ${length} elements; ` +
          `${elementType(given)} with ${given.length} was allocated for it`,
      );
    }
    slot.data = given ?? arrayOver(dtype, new ArrayBuffer(byteLength), 0, length);
    slot.bytes = bytesOf(slot.data);
  }

  #loss(what: string): RpcError {
    return new RpcError('DATA_LOSS', `${this.#what} is damaged: ${what}`);
  }
}
