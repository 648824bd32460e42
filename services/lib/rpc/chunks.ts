// Tensors too large for one message: split into chunks by the sender, assembled and checked by the receiver.
import { createHash, type Hash } from 'node:crypto';
import { totalmem } from 'node:os';
import { RpcError } from './error.js';
import type { TensorChunk, TensorHeader } from './gen/messages.js';
import { arrayOver, bytesOf, elementType, extentOf, type Extent, type TensorData } from './tensor.js';

/** Default size of a chunk in bytes: 1 MiB. */
const defaultChunkBytes = 1 << 20;

/**
 * Splits the concatenation of the arrays' bytes into chunks of equal size; the last one may be shorter. A chunk within one array is a view
 * of it, so leave the arrays unchanged until the chunks are sent. Only a chunk that spans arrays is copied.
 *
 * @throws RangeError if chunkBytes is not a positive integer
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
    const [first = Buffer.alloc(0), ...others] = pieces;
    const chunk = { offset, data: others.length === 0 ? first : Buffer.concat(pieces, held) };
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

/** An assembled tensor. */
export interface AssembledTensor {
  /** The header as announced. */
  header: TensorHeader;
  /** The elements, in the array that `allocate` returned or in a new one. */
  data: TensorData;
}

/** Options of {@link TensorAssembler}. */
export interface AssemblerOptions {
  /** Expected SHA-256 (hex) of the concatenated bytes. @default not checked */
  sha256?: string | undefined;
  /** What is being received, for error messages, such as `policy version 17 from coordinator:50050`. */
  what?: string;
  /** Maximum number of bytes that the headers may announce. @default the memory of this machine */
  maxBytes?: number;
  /**
   * Returns the array to write a tensor to; it must have the tensor's element type and length. Called when the tensor's first byte
   * arrives. Reusing memory avoids page faults, which take longer than the copying itself.
   * @param index the tensor's index among the headers
   * @default a new array, also if this returns undefined
   */
  allocate?: ((header: TensorHeader, index: number) => TensorData | undefined) | undefined;
}

interface Slot extends Extent {
  header: TensorHeader;
  /** Offset of the tensor in the concatenation, in bytes. */
  start: number;
  /** Its memory, allocated when its first byte arrives: a header alone allocates nothing. */
  data: TensorData | undefined;
  /** The bytes of the same memory. */
  bytes: Uint8Array;
}

const noBytes = new Uint8Array(0);

/**
 * Assembles chunks into tensors. Every byte is copied once. Errors are RpcErrors with DATA_LOSS, with INVALID_ARGUMENT for an invalid
 * header, or with RESOURCE_EXHAUSTED for headers that announce too much, and say what was expected.
 */
export class TensorAssembler {
  /** Bytes that the headers announce in total. */
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
    const { maxBytes = totalmem() } = options;
    if (start > maxBytes) {
      const largest = this.#slots.reduce((a, b) => (b.byteLength > a.byteLength ? b : a));
      const most = `tensor '${largest.header.name.slice(0, 200)}' of ${largest.byteLength} bytes is the largest`;
      throw new RpcError(
        'RESOURCE_EXHAUSTED',
        `${this.#what} announces ${start} bytes, more than ${maxBytes}; ${most}`,
      );
    }
  }

  /** Bytes received so far. */
  get receivedBytes(): number {
    return this.#received;
  }

  /**
   * Adds the next chunk.
   *
   * @throws RpcError DATA_LOSS if it does not follow the chunks before it, or exceeds the tensors; RESOURCE_EXHAUSTED if a tensor
   *   is larger than the memory
   * @throws RangeError if `allocate` returned an array of another type or length
   */
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
        this.#current += 1; // full or empty
        continue;
      }
      if (slot.data === undefined) this.#place(slot, this.#current);
      const piece = data.subarray(at, at + slot.byteLength - within);
      slot.bytes.set(piece, within);
      at += piece.length;
      this.#received += piece.length;
    }
  }

  /**
   * Returns the tensors, in the order of the headers.
   *
   * @throws RpcError DATA_LOSS if bytes are missing or their SHA-256 differs
   */
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
    slot.data = given ?? arrayOver(dtype, this.#memory(header, byteLength), 0, length);
    slot.bytes = bytesOf(slot.data);
  }

  #memory(header: TensorHeader, bytes: number): ArrayBuffer {
    try {
      return new ArrayBuffer(bytes);
    } catch (cause) {
      const what = `${this.#what} announces tensor '${header.name}' of ${bytes} bytes, more than this process can hold`;
      throw new RpcError('RESOURCE_EXHAUSTED', what, { cause });
    }
  }

  #loss(what: string): RpcError {
    return new RpcError('DATA_LOSS', `${this.#what} is damaged: ${what}`);
  }
}
