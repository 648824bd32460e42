// Original file: gapo/training/v1/training.proto


/**
 * Asks for a run.
 */
export interface GetRunRequestInput {
  /**
   * The run's id.
   */
  'runId'?: (string);
}

/**
 * Asks for a run.
 */
export interface GetRunRequest {
  /**
   * The run's id.
   */
  'runId': (string);
}
