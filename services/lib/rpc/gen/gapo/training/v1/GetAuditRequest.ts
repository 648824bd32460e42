// Original file: gapo/training/v1/training.proto


/**
 * Request for the audit log of a run.
 */
export interface GetAuditRequestInput {
  /**
   * The run's id.
   */
  'runId'?: (string);
}

/**
 * Request for the audit log of a run.
 */
export interface GetAuditRequest {
  /**
   * The run's id.
   */
  'runId': (string);
}
