// Original file: gapo/policy/v1/policy.proto

/**
 * Which tensors of a policy are trained.
 */
export const TrainingMode = {
  /**
   * Not set: always an error.
   */
  TRAINING_MODE_UNSPECIFIED: 'TRAINING_MODE_UNSPECIFIED',
  /**
   * Low-rank adapters; the base weights are frozen.
   */
  TRAINING_MODE_LORA: 'TRAINING_MODE_LORA',
  /**
   * Every weight.
   */
  TRAINING_MODE_FULL: 'TRAINING_MODE_FULL',
} as const;

/**
 * Which tensors of a policy are trained.
 */
export type TrainingModeInput =
  /**
   * Not set: always an error.
   */
  | 'TRAINING_MODE_UNSPECIFIED'
  | 0
  /**
   * Low-rank adapters; the base weights are frozen.
   */
  | 'TRAINING_MODE_LORA'
  | 1
  /**
   * Every weight.
   */
  | 'TRAINING_MODE_FULL'
  | 2

/**
 * Which tensors of a policy are trained.
 */
export type TrainingMode = typeof TrainingMode[keyof typeof TrainingMode]
