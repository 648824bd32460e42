// Original file: gapo/training/v1/training.proto


/**
 * Request to change a run's preference.
 */
export interface SetPreferenceRequestInput {
  /**
   * The run's id.
   */
  'runId'?: (string);
  /**
   * The preference or weights, one for each objective: not negative, not all zero.
   */
  'preference'?: ({[key: string]: number | string});
  /**
   * Who requests the change, for the record.
   */
  'author'?: (string);
}

/**
 * Request to change a run's preference.
 */
export interface SetPreferenceRequest {
  /**
   * The run's id.
   */
  'runId': (string);
  /**
   * The preference or weights, one for each objective: not negative, not all zero.
   */
  'preference': ({[key: string]: number});
  /**
   * Who requests the change, for the record.
   */
  'author': (string);
}
