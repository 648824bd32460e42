// Original file: inference/open_inference.proto

import type { InferParameterInput as _inference_InferParameterInput, InferParameter as _inference_InferParameter } from '../inference/InferParameter.js';
import type { InferTensorContentsInput as _inference_InferTensorContentsInput, InferTensorContents as _inference_InferTensorContents } from '../inference/InferTensorContents.js';
import type { Long } from '@grpc/proto-loader';

/**
 * A tensor that the model gave.
 */
export interface _inference_ModelInferResponse_InferOutputTensorInput {
  /**
   * Its name.
   */
  'name'?: (string);
  /**
   * As FP32.
   */
  'datatype'?: (string);
  /**
   * Its dimensions.
   */
  'shape'?: (number | string | Long)[];
  /**
   * What the server's maker defines.
   */
  'parameters'?: ({[key: string]: _inference_InferParameterInput});
  /**
   * Its elements, where they do not come raw.
   */
  'contents'?: (_inference_InferTensorContentsInput | null);
}

/**
 * A tensor that the model gave.
 */
export interface _inference_ModelInferResponse_InferOutputTensor {
  /**
   * Its name.
   */
  'name': (string);
  /**
   * As FP32.
   */
  'datatype': (string);
  /**
   * Its dimensions.
   */
  'shape': (number)[];
  /**
   * What the server's maker defines.
   */
  'parameters': ({[key: string]: _inference_InferParameter});
  /**
   * Its elements, where they do not come raw.
   */
  'contents': (_inference_InferTensorContents | null);
}

/**
 * What a model made of a batch.
 */
export interface ModelInferResponseInput {
  /**
   * The model.
   */
  'modelName'?: (string);
  /**
   * The version that ran.
   */
  'modelVersion'?: (string);
  /**
   * The request's.
   */
  'id'?: (string);
  /**
   * What the server's or the model's maker defines.
   */
  'parameters'?: ({[key: string]: _inference_InferParameterInput});
  /**
   * What the model gave.
   */
  'outputs'?: (_inference_ModelInferResponse_InferOutputTensorInput)[];
  /**
   * The elements of every output as bytes, in the order of outputs, or nothing.
   */
  'rawOutputContents'?: (Buffer | Uint8Array | string)[];
}

/**
 * What a model made of a batch.
 */
export interface ModelInferResponse {
  /**
   * The model.
   */
  'modelName': (string);
  /**
   * The version that ran.
   */
  'modelVersion': (string);
  /**
   * The request's.
   */
  'id': (string);
  /**
   * What the server's or the model's maker defines.
   */
  'parameters': ({[key: string]: _inference_InferParameter});
  /**
   * What the model gave.
   */
  'outputs': (_inference_ModelInferResponse_InferOutputTensor)[];
  /**
   * The elements of every output as bytes, in the order of outputs, or nothing.
   */
  'rawOutputContents': (Buffer)[];
}
