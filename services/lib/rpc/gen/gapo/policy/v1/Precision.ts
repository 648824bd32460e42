// Original file: gapo/policy/v1/policy.proto

/**
 * What matrix products are computed in.
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
   * Products read and write float16 and add up in float32; sums over tokens, norms and softmaxes stay float32.
   */
  PRECISION_F16: 'PRECISION_F16',
} as const;

/**
 * What matrix products are computed in.
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
   * Products read and write float16 and add up in float32; sums over tokens, norms and softmaxes stay float32.
   */
  | 'PRECISION_F16'
  | 2

/**
 * What matrix products are computed in.
 */
export type Precision = typeof Precision[keyof typeof Precision]
