// Original file: gapo/training/v1/training.proto

/**
 * What becomes of a completion that an objective has no score for.
 */
export const FailurePolicy = {
  /**
   * Not set: as FAILURE_POLICY_PAUSE.
   */
  FAILURE_POLICY_UNSPECIFIED: 'FAILURE_POLICY_UNSPECIFIED',
  /**
   * The run pauses.
   */
  FAILURE_POLICY_PAUSE: 'FAILURE_POLICY_PAUSE',
  /**
   * The completion is dropped for every objective.
   */
  FAILURE_POLICY_DROP: 'FAILURE_POLICY_DROP',
  /**
   * The run fails.
   */
  FAILURE_POLICY_FAIL: 'FAILURE_POLICY_FAIL',
} as const;

/**
 * What becomes of a completion that an objective has no score for.
 */
export type FailurePolicyInput =
  /**
   * Not set: as FAILURE_POLICY_PAUSE.
   */
  | 'FAILURE_POLICY_UNSPECIFIED'
  | 0
  /**
   * The run pauses.
   */
  | 'FAILURE_POLICY_PAUSE'
  | 1
  /**
   * The completion is dropped for every objective.
   */
  | 'FAILURE_POLICY_DROP'
  | 2
  /**
   * The run fails.
   */
  | 'FAILURE_POLICY_FAIL'
  | 3

/**
 * What becomes of a completion that an objective has no score for.
 */
export type FailurePolicy = typeof FailurePolicy[keyof typeof FailurePolicy]
