// Original file: gapo/training/v1/training.proto


/**
 * Asks for another preference.
 */
export interface SetPreferenceRequestInput {
  /**
   * The run's id.
   */
  'runId'?: (string);
  /**
   * The preference or weights by objective: all of them, not negative, not all zero.
   */
  'preference'?: ({[key: string]: number | string});
  /**
   * Who asks, for the record.
   */
  'author'?: (string);
}

/**
 * Asks for another preference.
 */
export interface SetPreferenceRequest {
  /**
   * The run's id.
   */
  'runId': (string);
  /**
   * The preference or weights by objective: all of them, not negative, not all zero.
   */
  'preference': ({[key: string]: number});
  /**
   * Who asks, for the record.
   */
  'author': (string);
}
