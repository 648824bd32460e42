// Original file: gapo/training/v1/training.proto


/**
 * Request to resume a run.
 */
export interface ResumeRunRequestInput {
  /**
   * The run's id.
   */
  'runId'?: (string);
}

/**
 * Request to resume a run.
 */
export interface ResumeRunRequest {
  /**
   * The run's id.
   */
  'runId': (string);
}
