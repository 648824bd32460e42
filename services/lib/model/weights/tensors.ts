/** Named float32 tensors, and their concatenation in one flat vector. */
import { createHash } from 'node:crypto';
import type { TensorShape } from '../decoderLayout.js';

/** A float32 tensor by name. */
export interface NamedTensor {
  readonly name: string;
  readonly shape: readonly number[];
  /** Row-major. */
  readonly data: Float32Array;
}

/** A float32 tensor whose elements are computed on demand. */
export interface LazyTensor extends Omit<NamedTensor, 'data'> {
  elements(): Float32Array;
}

/** Returns the number of elements of a shape. */
export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, extent) => product * extent, 1);
}

/**
 * Lists the differences between expected tensors and those found: missing ones, other shapes, unexpected ones.
 *
 * @param owner the source of the expected shapes, for messages
 */
export function tensorMismatches(
  expected: readonly TensorShape[],
  found: ReadonlyMap<string, { readonly shape: readonly number[] }>,
  owner: string,
): readonly string[] {
  const names = new Set(expected.map(({ name }) => name));
  return [
    ...expected.flatMap(({ name, shape }) => {
      const tensor = found.get(name);
      if (tensor === undefined) return [`tensor '${name}' [${shape.join()}] is missing`];
      if (tensor.shape.join() === shape.join()) return [];
      return [`tensor '${name}' is [${tensor.shape.join()}], ${owner} expects [${shape.join()}]`];
    }),
    ...[...found.keys()]
      .filter((name) => !names.has(name))
      .map((name) => `tensor '${name}' is not part of this architecture`),
  ];
}

/** Returns a tensor's bytes. Nothing is copied. */
export function bytesOf({ buffer, byteOffset, byteLength }: Float32Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

/** Returns the SHA-256 (hex) of the tensors' concatenated bytes. */
export function sha256OfTensors(tensors: readonly NamedTensor[]): string {
  const hash = createHash('sha256');
  for (const { data } of tensors) hash.update(bytesOf(data));
  return hash.digest('hex');
}

/** Splits a flat vector into views, one per tensor, in order. Nothing is copied. */
export function split(flat: Float32Array, tensors: readonly TensorShape[]): readonly NamedTensor[] {
  let offset = 0;
  return tensors.map(({ name, shape }) => {
    const data = flat.subarray(offset, offset + sizeOf(shape));
    offset += data.length;
    return { name, shape, data };
  });
}

/** Copies all tensors' elements into one flat vector, in order. */
export function flatten(tensors: readonly NamedTensor[]): Float32Array {
  return concatenated(tensors.map(({ data }) => data));
}

/** Copies arrays into one, in order. */
export function concatenated(arrays: readonly Float32Array[]): Float32Array {
  const all = new Float32Array(arrays.reduce((total, { length }) => total + length, 0));
  let offset = 0;
  for (const array of arrays) {
    all.set(array, offset);
    offset += array.length;
  }
  return all;
}
