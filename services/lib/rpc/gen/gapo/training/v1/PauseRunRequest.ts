// Original file: gapo/training/v1/training.proto


/**
 * Request to pause a run.
 */
export interface PauseRunRequestInput {
  /**
   * The run's id.
   */
  'runId'?: (string);
}

/**
 * Request to pause a run.
 */
export interface PauseRunRequest {
  /**
   * The run's id.
   */
  'runId': (string);
}
