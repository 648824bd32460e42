// Original file: gapo/training/v1/training.proto


/**
 * Asks to cancel a run.
 */
export interface CancelRunRequestInput {
  /**
   * The run's id.
   */
  'runId'?: (string);
}

/**
 * Asks to cancel a run.
 */
export interface CancelRunRequest {
  /**
   * The run's id.
   */
  'runId': (string);
}
