// Converts between tensors on the wire and typed arrays in memory, without copying if alignment allows it.
import { endianness } from 'node:os';
import { mostDimensions, shapeText } from '@gapo/numeric';
import { RpcError } from './error.js';
import type { DataType, Tensor, TensorHeader } from './gen/messages.js';

if (endianness() !== 'LE')
  throw new Error('tensors are little-endian on the wire; this machine is big-endian and not supported');

/** The elements of a tensor, row-major. */
export type TensorData = Float32Array | Float64Array | Int32Array;

/** A tensor in memory. */
export interface NamedTensor<T extends TensorData = TensorData> {
  /** The tensor's name. */
  name: string;
  /** The extent of each dimension; empty for a scalar. */
  shape: number[];
  /** product(shape) elements, row-major. */
  data: T;
}

/** The element types on the wire and the arrays that hold them. */
export interface ArrayOfType {
  DATA_TYPE_F32: Float32Array;
  DATA_TYPE_F64: Float64Array;
  DATA_TYPE_I32: Int32Array;
}

/** The element type of a tensor. */
export type ElementType = keyof ArrayOfType;

const arrays = {
  DATA_TYPE_F32: Float32Array,
  DATA_TYPE_F64: Float64Array,
  DATA_TYPE_I32: Int32Array,
} as const;

function isElementType(dtype: DataType): dtype is ElementType {
  return Object.hasOwn(arrays, dtype);
}

/**
 * Returns the element type of an array.
 *
 * @throws TypeError if no tensor element type matches the array
 */
export function elementType(data: TensorData): ElementType {
  if (data instanceof Float32Array) return 'DATA_TYPE_F32';
  if (data instanceof Float64Array) return 'DATA_TYPE_F64';
  if (data instanceof Int32Array) return 'DATA_TYPE_I32';
  throw new TypeError('a tensor has a Float32Array, a Float64Array or an Int32Array');
}

/** Returns an array over the given bytes, which must be aligned to its elements. */
export function arrayOver(dtype: ElementType, buffer: ArrayBufferLike, byteOffset: number, length: number): TensorData {
  return new arrays[dtype](buffer as ArrayBuffer, byteOffset, length);
}

/** Returns the bytes of an array, without copying. */
export function bytesOf(data: ArrayBufferView): Buffer {
  return Buffer.from(data.buffer as ArrayBuffer, data.byteOffset, data.byteLength);
}

/** Maximum characters of a name in a message. */
const longestName = 100;

function quoted(name: string): string {
  return `tensor '${name.length > longestName ? `${name.slice(0, longestName)}…` : name}'`;
}

/** Returns the number of elements of a shape; undefined if the shape is invalid. */
function elementCount(shape: readonly number[]): number | undefined {
  if (shape.length > mostDimensions) return undefined;
  let count = 1;
  for (const extent of shape) {
    if (!Number.isSafeInteger(extent) || extent < 0) return undefined;
    count *= extent;
  }
  return Number.isSafeInteger(count) ? count : undefined;
}

/** Element type and size of a tensor. */
export interface Extent {
  dtype: ElementType;
  /** Elements. */
  length: number;
  /** Bytes. */
  byteLength: number;
}

/**
 * Returns the element type and size that a header announces.
 *
 * @throws RpcError INVALID_ARGUMENT if the header has no element type or an impossible shape
 */
export function extentOf(header: TensorHeader): Extent {
  const { name, dtype, shape } = header;
  if (!isElementType(dtype)) {
    const known = Object.keys(arrays).join(', ');
    throw new RpcError('INVALID_ARGUMENT', `${quoted(name)} has dtype ${String(dtype)}; it must be one of ${known}`);
  }
  const length = elementCount(shape);
  if (length === undefined) {
    throw new RpcError(
      'INVALID_ARGUMENT',
      `${quoted(name)} has shape ${shapeText(shape)}: extents are integers from 0, at most ${mostDimensions} of them`,
    );
  }
  return { dtype, length, byteLength: length * arrays[dtype].BYTES_PER_ELEMENT };
}

/**
 * Returns the header of an array.
 *
 * @throws RangeError if the shape does not have as many elements as the array
 */
export function toHeader(name: string, shape: readonly number[], data: TensorData): TensorHeader {
  const count = elementCount(shape);
  if (count !== data.length) {
    throw new RangeError(
      `${quoted(name)} has ${data.length} elements, which do not fill the shape ${shapeText(shape)}`,
    );
  }
  return { name, dtype: elementType(data), shape: [...shape] };
}

/**
 * Returns a tensor for a message. It is a view of the array, so leave the array unchanged until the message has been sent (the call was
 * made, or the yielded response was consumed).
 *
 * @param shape the extent of each dimension; empty for a scalar
 * @param data product(shape) elements, row-major
 * @throws RangeError if the shape does not have as many elements as the array
 */
export function toTensor(name: string, shape: readonly number[], data: TensorData): Tensor {
  return { header: toHeader(name, shape, data), data: bytesOf(data) };
}

/**
 * Returns the tensor of a message, validated. Its array is a view of the message's bytes if they are aligned, otherwise a copy.
 *
 * @param dtype the required element type. @default any
 * @throws RpcError INVALID_ARGUMENT naming the tensor if it is unset, has another type, or its byte count does not match its shape
 */
export function fromTensor<D extends ElementType = ElementType>(
  tensor: Tensor | null | undefined,
  dtype?: D,
): NamedTensor<ArrayOfType[D]> {
  const header = tensor?.header;
  if (tensor === null || tensor === undefined || header === null || header === undefined) {
    throw new RpcError(
      'INVALID_ARGUMENT',
      'a tensor is missing, or has no header; it needs name, dtype, shape and data',
    );
  }
  const extent = extentOf(header);
  if (dtype !== undefined && extent.dtype !== dtype) {
    throw new RpcError('INVALID_ARGUMENT', `${quoted(header.name)} has dtype ${extent.dtype}; ${dtype} is expected`);
  }
  if (tensor.data.byteLength !== extent.byteLength) {
    throw new RpcError(
      'INVALID_ARGUMENT',
      `${quoted(header.name)} has ${tensor.data.byteLength} bytes; ` +
        `${extent.dtype} ${shapeText(header.shape)} takes ${extent.byteLength}`,
    );
  }
  const aligned = tensor.data.byteOffset % arrays[extent.dtype].BYTES_PER_ELEMENT === 0;
  const bytes = aligned ? tensor.data : new Uint8Array(tensor.data);
  const data = arrayOver(extent.dtype, bytes.buffer, bytes.byteOffset, extent.length);
  return { name: header.name, shape: [...header.shape], data: data as ArrayOfType[D] };
}
