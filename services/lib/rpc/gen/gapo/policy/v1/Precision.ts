// Original file: gapo/policy/v1/policy.proto

/**
 * The precision of matrix products.
 */
export const Precision = {
  /**
   * Not set: read as F32.
   */
  PRECISION_UNSPECIFIED: 'PRECISION_UNSPECIFIED',
  /**
   * float32.
   */
  PRECISION_F32: 'PRECISION_F32',
  /**
   * Products read and write float16 and accumulate in float32; sums over tokens, norms and softmaxes stay in float32.
   */
  PRECISION_F16: 'PRECISION_F16',
} as const;

/**
 * The precision of matrix products.
 */
export type PrecisionInput =
  /**
   * Not set: read as F32.
   */
  | 'PRECISION_UNSPECIFIED'
  | 0
  /**
   * float32.
   */
  | 'PRECISION_F32'
  | 1
  /**
   * Products read and write float16 and accumulate in float32; sums over tokens, norms and softmaxes stay in float32.
   */
  | 'PRECISION_F16'
  | 2

/**
 * The precision of matrix products.
 */
export type Precision = typeof Precision[keyof typeof Precision]
