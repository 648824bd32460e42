// Original file: gapo/training/v1/evaluation.proto


/**
 * Request for a run's evaluations.
 */
export interface ListEvaluationsRequestInput {
  /**
   * The run's id.
   */
  'runId'?: (string);
}

/**
 * Request for a run's evaluations.
 */
export interface ListEvaluationsRequest {
  /**
   * The run's id.
   */
  'runId': (string);
}
