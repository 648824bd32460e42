// Original file: gapo/tensor/v1/tensor.proto

import type { DataTypeInput as _gapo_tensor_v1_DataTypeInput, DataType as _gapo_tensor_v1_DataType } from '../../../gapo/tensor/v1/DataType.js';
import type { Long } from '@grpc/proto-loader';

/**
 * A tensor's description, without its elements.
 */
export interface TensorHeaderInput {
  /**
   * The tensor's name, unique within its message or stream.
   */
  'name'?: (string);
  /**
   * The element type.
   */
  'dtype'?: (_gapo_tensor_v1_DataTypeInput);
  /**
   * The extent of each dimension; empty for a scalar.
   */
  'shape'?: (number | string | Long)[];
}

/**
 * A tensor's description, without its elements.
 */
export interface TensorHeader {
  /**
   * The tensor's name, unique within its message or stream.
   */
  'name': (string);
  /**
   * The element type.
   */
  'dtype': (_gapo_tensor_v1_DataType);
  /**
   * The extent of each dimension; empty for a scalar.
   */
  'shape': (number)[];
}
