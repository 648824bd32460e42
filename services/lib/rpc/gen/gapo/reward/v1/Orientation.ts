// Original file: gapo/reward/v1/reward.proto

/**
 * Whether more is better.
 */
export const Orientation = {
  /**
   * Not set: read as HIGHER_IS_BETTER.
   */
  ORIENTATION_UNSPECIFIED: 'ORIENTATION_UNSPECIFIED',
  /**
   * A larger score is a better completion.
   */
  ORIENTATION_HIGHER_IS_BETTER: 'ORIENTATION_HIGHER_IS_BETTER',
  /**
   * A smaller score is a better completion; the coordinator negates it.
   */
  ORIENTATION_LOWER_IS_BETTER: 'ORIENTATION_LOWER_IS_BETTER',
} as const;

/**
 * Whether more is better.
 */
export type OrientationInput =
  /**
   * Not set: read as HIGHER_IS_BETTER.
   */
  | 'ORIENTATION_UNSPECIFIED'
  | 0
  /**
   * A larger score is a better completion.
   */
  | 'ORIENTATION_HIGHER_IS_BETTER'
  | 1
  /**
   * A smaller score is a better completion; the coordinator negates it.
   */
  | 'ORIENTATION_LOWER_IS_BETTER'
  | 2

/**
 * Whether more is better.
 */
export type Orientation = typeof Orientation[keyof typeof Orientation]
