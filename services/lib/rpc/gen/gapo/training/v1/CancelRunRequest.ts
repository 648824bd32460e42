// Original file: gapo/training/v1/training.proto


/**
 * Request to cancel a run.
 */
export interface CancelRunRequestInput {
  /**
   * The run's id.
   */
  'runId'?: (string);
  /**
   * Who requests it, for the audit log. Ignored if calls need a token, which names the caller.
   */
  'author'?: (string);
}

/**
 * Request to cancel a run.
 */
export interface CancelRunRequest {
  /**
   * The run's id.
   */
  'runId': (string);
  /**
   * Who requests it, for the audit log. Ignored if calls need a token, which names the caller.
   */
  'author': (string);
}
