// Original file: gapo/training/v1/training.proto


/**
 * Asks to pause a run.
 */
export interface PauseRunRequestInput {
  /**
   * The run's id.
   */
  'runId'?: (string);
}

/**
 * Asks to pause a run.
 */
export interface PauseRunRequest {
  /**
   * The run's id.
   */
  'runId': (string);
}
