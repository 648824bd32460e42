// Original file: inference/open_inference.proto

import type { InferParameterInput as _inference_InferParameterInput, InferParameter as _inference_InferParameter } from '../inference/InferParameter.js';
import type { InferTensorContentsInput as _inference_InferTensorContentsInput, InferTensorContents as _inference_InferTensorContents } from '../inference/InferTensorContents.js';
import type { Long } from '@grpc/proto-loader';

/**
 * A tensor that the model takes.
 */
export interface _inference_ModelInferRequest_InferInputTensorInput {
  /**
   * Its name.
   */
  'name'?: (string);
  /**
   * As FP32 or BYTES.
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
 * A tensor that the model takes.
 */
export interface _inference_ModelInferRequest_InferInputTensor {
  /**
   * Its name.
   */
  'name': (string);
  /**
   * As FP32 or BYTES.
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
 * A tensor that is wanted.
 */
export interface _inference_ModelInferRequest_InferRequestedOutputTensorInput {
  /**
   * Its name.
   */
  'name'?: (string);
  /**
   * What the server's maker defines.
   */
  'parameters'?: ({[key: string]: _inference_InferParameterInput});
}

/**
 * A tensor that is wanted.
 */
export interface _inference_ModelInferRequest_InferRequestedOutputTensor {
  /**
   * Its name.
   */
  'name': (string);
  /**
   * What the server's maker defines.
   */
  'parameters': ({[key: string]: _inference_InferParameter});
}

/**
 * A batch for a model.
 */
export interface ModelInferRequestInput {
  /**
   * The model.
   */
  'modelName'?: (string);
  /**
   * Its version; empty: the server chooses.
   */
  'modelVersion'?: (string);
  /**
   * Comes back in the response.
   */
  'id'?: (string);
  /**
   * What the server's or the model's maker defines.
   */
  'parameters'?: ({[key: string]: _inference_InferParameterInput});
  /**
   * What the model takes.
   */
  'inputs'?: (_inference_ModelInferRequest_InferInputTensorInput)[];
  /**
   * What is wanted of what it gives; all of it where empty.
   */
  'outputs'?: (_inference_ModelInferRequest_InferRequestedOutputTensorInput)[];
  /**
   * The elements of every input as bytes, in the order of inputs, or nothing.
   */
  'rawInputContents'?: (Buffer | Uint8Array | string)[];
}

/**
 * A batch for a model.
 */
export interface ModelInferRequest {
  /**
   * The model.
   */
  'modelName': (string);
  /**
   * Its version; empty: the server chooses.
   */
  'modelVersion': (string);
  /**
   * Comes back in the response.
   */
  'id': (string);
  /**
   * What the server's or the model's maker defines.
   */
  'parameters': ({[key: string]: _inference_InferParameter});
  /**
   * What the model takes.
   */
  'inputs': (_inference_ModelInferRequest_InferInputTensor)[];
  /**
   * What is wanted of what it gives; all of it where empty.
   */
  'outputs': (_inference_ModelInferRequest_InferRequestedOutputTensor)[];
  /**
   * The elements of every input as bytes, in the order of inputs, or nothing.
   */
  'rawInputContents': (Buffer)[];
}
