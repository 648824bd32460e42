// Original file: gapo/training/v1/training.proto


/**
 * Request for a run.
 */
export interface GetRunRequestInput {
  /**
   * The run's id.
   */
  'runId'?: (string);
}

/**
 * Request for a run.
 */
export interface GetRunRequest {
  /**
   * The run's id.
   */
  'runId': (string);
}
