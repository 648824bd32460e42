// Original file: gapo/tensor/v1/tensor.proto

import type { Long } from '@grpc/proto-loader';

/**
 * A piece of the concatenated bytes of a stream's tensors, in the order of its header.
 */
export interface TensorChunkInput {
  /**
   * The piece's offset in the concatenation, in bytes. Pieces arrive in order and without gaps.
   */
  'offset'?: (number | string | Long);
  /**
   * The bytes, about 1 MiB.
   */
  'data'?: (Buffer | Uint8Array | string);
}

/**
 * A piece of the concatenated bytes of a stream's tensors, in the order of its header.
 */
export interface TensorChunk {
  /**
   * The piece's offset in the concatenation, in bytes. Pieces arrive in order and without gaps.
   */
  'offset': (number);
  /**
   * The bytes, about 1 MiB.
   */
  'data': (Buffer);
}
