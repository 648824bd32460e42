// Original file: inference/open_inference.proto

import type { Long } from '@grpc/proto-loader';

/**
 * A value under a name.
 */
export interface InferParameterInput {
  /**
   * Yes or no.
   */
  'boolParam'?: (boolean);
  /**
   * An integer.
   */
  'int64Param'?: (number | string | Long);
  /**
   * A text.
   */
  'stringParam'?: (string);
  /**
   * Any other number.
   */
  'doubleParam'?: (number | string);
  /**
   * Exactly one.
   */
  'parameterChoice'?: "boolParam"|"int64Param"|"stringParam"|"doubleParam";
}

/**
 * A value under a name.
 */
export interface InferParameter {
  /**
   * Yes or no.
   */
  'boolParam'?: (boolean);
  /**
   * An integer.
   */
  'int64Param'?: (number);
  /**
   * A text.
   */
  'stringParam'?: (string);
  /**
   * Any other number.
   */
  'doubleParam'?: (number);
  /**
   * Exactly one.
   */
  'parameterChoice'?: "boolParam"|"int64Param"|"stringParam"|"doubleParam";
}
