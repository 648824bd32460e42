// Original file: gapo/training/v1/training.proto


/**
 * Request to pause a run.
 */
export interface PauseRunRequestInput {
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
 * Request to pause a run.
 */
export interface PauseRunRequest {
  /**
   * The run's id.
   */
  'runId': (string);
  /**
   * Who requests it, for the audit log. Ignored if calls need a token, which names the caller.
   */
  'author': (string);
}
