// Original file: gapo/tensor/v1/tensor.proto

import type { TensorHeaderInput as _gapo_tensor_v1_TensorHeaderInput, TensorHeader as _gapo_tensor_v1_TensorHeader } from '../../../gapo/tensor/v1/TensorHeader.js';

/**
 * A tensor small enough for one message (under about 1 MiB).
 */
export interface TensorInput {
  /**
   * The tensor's name, dtype and shape.
   */
  'header'?: (_gapo_tensor_v1_TensorHeaderInput | null);
  /**
   * The elements, little-endian and row-major: product(shape) × sizeof(dtype) bytes.
   */
  'data'?: (Buffer | Uint8Array | string);
}

/**
 * A tensor small enough for one message (under about 1 MiB).
 */
export interface Tensor {
  /**
   * The tensor's name, dtype and shape.
   */
  'header': (_gapo_tensor_v1_TensorHeader | null);
  /**
   * The elements, little-endian and row-major: product(shape) × sizeof(dtype) bytes.
   */
  'data': (Buffer);
}
