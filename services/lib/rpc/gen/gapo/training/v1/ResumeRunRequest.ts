// Original file: gapo/training/v1/training.proto


/**
 * Asks to resume a run.
 */
export interface ResumeRunRequestInput {
  /**
   * The run's id.
   */
  'runId'?: (string);
}

/**
 * Asks to resume a run.
 */
export interface ResumeRunRequest {
  /**
   * The run's id.
   */
  'runId': (string);
}
