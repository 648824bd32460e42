// Original file: gapo/training/v1/training.proto

/**
 * Where a run is in its life.
 */
export const RunState = {
  /**
   * Not set.
   */
  RUN_STATE_UNSPECIFIED: 'RUN_STATE_UNSPECIFIED',
  /**
   * Accepted, checking models and reward services.
   */
  RUN_STATE_STARTING: 'RUN_STATE_STARTING',
  /**
   * Taking steps.
   */
  RUN_STATE_RUNNING: 'RUN_STATE_RUNNING',
  /**
   * Paused by a person or by an objective's failure policy; can be resumed.
   */
  RUN_STATE_PAUSED: 'RUN_STATE_PAUSED',
  /**
   * All steps taken.
   */
  RUN_STATE_SUCCEEDED: 'RUN_STATE_SUCCEEDED',
  /**
   * Stopped by an error; can be resumed once it is mended.
   */
  RUN_STATE_FAILED: 'RUN_STATE_FAILED',
  /**
   * Ended by a person.
   */
  RUN_STATE_CANCELLED: 'RUN_STATE_CANCELLED',
} as const;

/**
 * Where a run is in its life.
 */
export type RunStateInput =
  /**
   * Not set.
   */
  | 'RUN_STATE_UNSPECIFIED'
  | 0
  /**
   * Accepted, checking models and reward services.
   */
  | 'RUN_STATE_STARTING'
  | 1
  /**
   * Taking steps.
   */
  | 'RUN_STATE_RUNNING'
  | 2
  /**
   * Paused by a person or by an objective's failure policy; can be resumed.
   */
  | 'RUN_STATE_PAUSED'
  | 3
  /**
   * All steps taken.
   */
  | 'RUN_STATE_SUCCEEDED'
  | 4
  /**
   * Stopped by an error; can be resumed once it is mended.
   */
  | 'RUN_STATE_FAILED'
  | 5
  /**
   * Ended by a person.
   */
  | 'RUN_STATE_CANCELLED'
  | 6

/**
 * Where a run is in its life.
 */
export type RunState = typeof RunState[keyof typeof RunState]
