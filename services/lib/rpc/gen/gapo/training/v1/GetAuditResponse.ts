// Original file: gapo/training/v1/training.proto


/**
 * Response with the audit log as it is on disk. A client can verify it: each line has the SHA-256 of the previous one.
 */
export interface GetAuditResponseInput {
  /**
   * Its lines, each a JSON object without line breaks.
   */
  'lines'?: (string)[];
  /**
   * The number of lines that were written.
   */
  'headEntries'?: (number);
  /**
   * SHA-256 (hex) of the last line that was written; zeros if there is none.
   */
  'headSha256'?: (string);
}

/**
 * Response with the audit log as it is on disk. A client can verify it: each line has the SHA-256 of the previous one.
 */
export interface GetAuditResponse {
  /**
   * Its lines, each a JSON object without line breaks.
   */
  'lines': (string)[];
  /**
   * The number of lines that were written.
   */
  'headEntries': (number);
  /**
   * SHA-256 (hex) of the last line that was written; zeros if there is none.
   */
  'headSha256': (string);
}
