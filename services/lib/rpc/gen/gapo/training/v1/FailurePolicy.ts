// Original file: gapo/training/v1/training.proto

/**
 * What happens when an objective has no score for a completion.
 */
export const FailurePolicy = {
  /**
   * Not set; the same as FAILURE_POLICY_PAUSE.
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
 * What happens when an objective has no score for a completion.
 */
export type FailurePolicyInput =
  /**
   * Not set; the same as FAILURE_POLICY_PAUSE.
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
 * What happens when an objective has no score for a completion.
 */
export type FailurePolicy = typeof FailurePolicy[keyof typeof FailurePolicy]
