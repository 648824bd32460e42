// Original file: gapo/tensor/v1/tensor.proto

import type { Long } from '@grpc/proto-loader';

/**
 * A piece of the concatenated bytes of the tensors that a stream announced, in that order.
 */
export interface TensorChunkInput {
  /**
   * Where this piece starts in the concatenation, in bytes. Pieces arrive in order and without gaps.
   */
  'offset'?: (number | string | Long);
  /**
   * The bytes, about 1 MiB.
   */
  'data'?: (Buffer | Uint8Array | string);
}

/**
 * A piece of the concatenated bytes of the tensors that a stream announced, in that order.
 */
export interface TensorChunk {
  /**
   * Where this piece starts in the concatenation, in bytes. Pieces arrive in order and without gaps.
   */
  'offset': (number);
  /**
   * The bytes, about 1 MiB.
   */
  'data': (Buffer);
}
