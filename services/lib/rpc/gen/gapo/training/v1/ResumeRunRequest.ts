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
   * Resume the run also if files that it was trained from have changed. The result then differs from that of an undisturbed run;
   * the change is recorded in run.json.
   */
  'acceptChangedInputs'?: (boolean);
  /**
   * Who requests it, for the audit log and the record of changed files. Not read where calls need a token, which names the caller.
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
   * Resume the run also if files that it was trained from have changed. The result then differs from that of an undisturbed run;
   * the change is recorded in run.json.
   */
  'acceptChangedInputs': (boolean);
  /**
   * Who requests it, for the audit log and the record of changed files. Not read where calls need a token, which names the caller.
   */
  'author': (string);
}
