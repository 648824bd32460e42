// Original file: gapo/policy/v1/policy.proto

/**
 * What is trained of a policy.
 */
export const TrainingMode = {
  /**
   * Not set: always an error.
   */
  TRAINING_MODE_UNSPECIFIED: 'TRAINING_MODE_UNSPECIFIED',
  /**
   * Low-rank adapters beside frozen base weights.
   */
  TRAINING_MODE_LORA: 'TRAINING_MODE_LORA',
  /**
   * Every weight.
   */
  TRAINING_MODE_FULL: 'TRAINING_MODE_FULL',
} as const;

/**
 * What is trained of a policy.
 */
export type TrainingModeInput =
  /**
   * Not set: always an error.
   */
  | 'TRAINING_MODE_UNSPECIFIED'
  | 0
  /**
   * Low-rank adapters beside frozen base weights.
   */
  | 'TRAINING_MODE_LORA'
  | 1
  /**
   * Every weight.
   */
  | 'TRAINING_MODE_FULL'
  | 2

/**
 * What is trained of a policy.
 */
export type TrainingMode = typeof TrainingMode[keyof typeof TrainingMode]
