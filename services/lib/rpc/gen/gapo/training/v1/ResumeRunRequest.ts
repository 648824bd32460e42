// Original file: gapo/training/v1/training.proto


/**
 * Request to resume a run.
 */
export interface ResumeRunRequestInput {
  /**
   * The run's id.
   */
  'runId'?: (string);
  /**
   * Resume the run even if its input files have changed. The result then differs from an uninterrupted run; the change is recorded in
   * run.json.
   */
  'acceptChangedInputs'?: (boolean);
  /**
   * Who requests it, for the audit log and the record of changed files. Ignored if calls need a token, which names the caller.
   */
  'author'?: (string);
}

/**
 * Request to resume a run.
 */
export interface ResumeRunRequest {
  /**
   * The run's id.
   */
  'runId': (string);
  /**
   * Resume the run even if its input files have changed. The result then differs from an uninterrupted run; the change is recorded in
   * run.json.
   */
  'acceptChangedInputs': (boolean);
  /**
   * Who requests it, for the audit log and the record of changed files. Ignored if calls need a token, which names the caller.
   */
  'author': (string);
}
