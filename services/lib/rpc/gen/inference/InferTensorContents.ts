// Original file: inference/open_inference.proto


/**
 * A tensor's elements in row-major order, in the field of its datatype.
 */
export interface InferTensorContentsInput {
  /**
   * FP32.
   */
  'fp32Contents'?: (number | string)[];
  /**
   * FP64.
   */
  'fp64Contents'?: (number | string)[];
  /**
   * BYTES.
   */
  'bytesContents'?: (Buffer | Uint8Array | string)[];
}

/**
 * A tensor's elements in row-major order, in the field of its datatype.
 */
export interface InferTensorContents {
  /**
   * FP32.
   */
  'fp32Contents': (number)[];
  /**
   * FP64.
   */
  'fp64Contents': (number)[];
  /**
   * BYTES.
   */
  'bytesContents': (Buffer)[];
}
