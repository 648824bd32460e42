// Original file: gapo/tensor/v1/tensor.proto

import type { Long } from '@grpc/proto-loader';

/**
 * A chunk of the concatenated bytes of a stream's tensors, in the order of its header.
 */
export interface TensorChunkInput {
  /**
   * The chunk's offset in the concatenation, in bytes. Chunks arrive in order and without gaps.
   */
  'offset'?: (number | string | Long);
  /**
   * The bytes, about 1 MiB.
   */
  'data'?: (Buffer | Uint8Array | string);
}

/**
 * A chunk of the concatenated bytes of a stream's tensors, in the order of its header.
 */
export interface TensorChunk {
  /**
   * The chunk's offset in the concatenation, in bytes. Chunks arrive in order and without gaps.
   */
  'offset': (number);
  /**
   * The bytes, about 1 MiB.
   */
  'data': (Buffer);
}
