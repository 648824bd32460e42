// Original file: gapo/tensor/v1/tensor.proto

/**
 * The element type of a tensor.
 */
export const DataType = {
  /**
   * Not set: always an error.
   */
  DATA_TYPE_UNSPECIFIED: 'DATA_TYPE_UNSPECIFIED',
  /**
   * IEEE 754 binary32.
   */
  DATA_TYPE_F32: 'DATA_TYPE_F32',
  /**
   * IEEE 754 binary64.
   */
  DATA_TYPE_F64: 'DATA_TYPE_F64',
  /**
   * Signed 32-bit integer.
   */
  DATA_TYPE_I32: 'DATA_TYPE_I32',
} as const;

/**
 * The element type of a tensor.
 */
export type DataTypeInput =
  /**
   * Not set: always an error.
   */
  | 'DATA_TYPE_UNSPECIFIED'
  | 0
  /**
   * IEEE 754 binary32.
   */
  | 'DATA_TYPE_F32'
  | 1
  /**
   * IEEE 754 binary64.
   */
  | 'DATA_TYPE_F64'
  | 2
  /**
   * Signed 32-bit integer.
   */
  | 'DATA_TYPE_I32'
  | 3

/**
 * The element type of a tensor.
 */
export type DataType = typeof DataType[keyof typeof DataType]
