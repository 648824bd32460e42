// Original file: gapo/training/v1/training.proto


/**
 * Request to cancel a run.
 */
export interface CancelRunRequestInput {
  /**
   * The run's id.
   */
  'runId'?: (string);
}

/**
 * Request to cancel a run.
 */
export interface CancelRunRequest {
  /**
   * The run's id.
   */
  'runId': (string);
}
