// Original file: inference/open_inference.proto

import type { Long } from '@grpc/proto-loader';

/**
 * A tensor.
 */
export interface _inference_ModelMetadataResponse_TensorMetadataInput {
  /**
   * Its name.
   */
  'name'?: (string);
  /**
   * As FP32 or BYTES.
   */
  'datatype'?: (string);
  /**
   * Its dimensions; -1 where one varies.
   */
  'shape'?: (number | string | Long)[];
}

/**
 * A tensor.
 */
export interface _inference_ModelMetadataResponse_TensorMetadata {
  /**
   * Its name.
   */
  'name': (string);
  /**
   * As FP32 or BYTES.
   */
  'datatype': (string);
  /**
   * Its dimensions; -1 where one varies.
   */
  'shape': (number)[];
}

/**
 * What a model takes and gives.
 */
export interface ModelMetadataResponseInput {
  /**
   * The model's name.
   */
  'name'?: (string);
  /**
   * The versions that the server has.
   */
  'versions'?: (string)[];
  /**
   * What runs it.
   */
  'platform'?: (string);
  /**
   * What it takes.
   */
  'inputs'?: (_inference_ModelMetadataResponse_TensorMetadataInput)[];
  /**
   * What it gives.
   */
  'outputs'?: (_inference_ModelMetadataResponse_TensorMetadataInput)[];
}

/**
 * What a model takes and gives.
 */
export interface ModelMetadataResponse {
  /**
   * The model's name.
   */
  'name': (string);
  /**
   * The versions that the server has.
   */
  'versions': (string)[];
  /**
   * What runs it.
   */
  'platform': (string);
  /**
   * What it takes.
   */
  'inputs': (_inference_ModelMetadataResponse_TensorMetadata)[];
  /**
   * What it gives.
   */
  'outputs': (_inference_ModelMetadataResponse_TensorMetadata)[];
}
