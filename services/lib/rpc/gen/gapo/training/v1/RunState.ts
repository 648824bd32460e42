// Original file: gapo/training/v1/run.proto

/**
 * The state of a run.
 */
export const RunState = {
  /**
   * Not set.
   */
  RUN_STATE_UNSPECIFIED: 'RUN_STATE_UNSPECIFIED',
  /**
   * Accepted; models and reward services are being checked.
   */
  RUN_STATE_STARTING: 'RUN_STATE_STARTING',
  /**
   * Taking steps.
   */
  RUN_STATE_RUNNING: 'RUN_STATE_RUNNING',
  /**
   * Paused by a user, by a failing reward service or worker, or because the coordinator stopped. Run.recovery is set if the coordinator
   * will resume it; a user can resume it at any time.
   */
  RUN_STATE_PAUSED: 'RUN_STATE_PAUSED',
  /**
   * All steps taken.
   */
  RUN_STATE_SUCCEEDED: 'RUN_STATE_SUCCEEDED',
  /**
   * Stopped by an error; can be resumed once the cause is fixed.
   */
  RUN_STATE_FAILED: 'RUN_STATE_FAILED',
  /**
   * Ended by a user.
   */
  RUN_STATE_CANCELLED: 'RUN_STATE_CANCELLED',
} as const;

/**
 * The state of a run.
 */
export type RunStateInput =
  /**
   * Not set.
   */
  | 'RUN_STATE_UNSPECIFIED'
  | 0
  /**
   * Accepted; models and reward services are being checked.
   */
  | 'RUN_STATE_STARTING'
  | 1
  /**
   * Taking steps.
   */
  | 'RUN_STATE_RUNNING'
  | 2
  /**
   * Paused by a user, by a failing reward service or worker, or because the coordinator stopped. Run.recovery is set if the coordinator
   * will resume it; a user can resume it at any time.
   */
  | 'RUN_STATE_PAUSED'
  | 3
  /**
   * All steps taken.
   */
  | 'RUN_STATE_SUCCEEDED'
  | 4
  /**
   * Stopped by an error; can be resumed once the cause is fixed.
   */
  | 'RUN_STATE_FAILED'
  | 5
  /**
   * Ended by a user.
   */
  | 'RUN_STATE_CANCELLED'
  | 6

/**
 * The state of a run.
 */
export type RunState = typeof RunState[keyof typeof RunState]
