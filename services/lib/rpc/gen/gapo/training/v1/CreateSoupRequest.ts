// Original file: gapo/training/v1/training.proto


/**
 * Request to average runs.
 */
export interface CreateSoupRequestInput {
  /**
   * The runs to average, by id, with their weights: not negative, not all zero. They are normalised to sum to 1.
   */
  'ingredients'?: ({[key: string]: number | string});
  /**
   * The id of the new run; generated from the time if empty.
   */
  'runId'?: (string);
  /**
   * Who requests it, for the audit log. Ignored if calls need a token, which names the caller.
   */
  'author'?: (string);
  /**
   * Only checks whether the runs can be averaged.
   */
  'validateOnly'?: (boolean);
}

/**
 * Request to average runs.
 */
export interface CreateSoupRequest {
  /**
   * The runs to average, by id, with their weights: not negative, not all zero. They are normalised to sum to 1.
   */
  'ingredients': ({[key: string]: number});
  /**
   * The id of the new run; generated from the time if empty.
   */
  'runId': (string);
  /**
   * Who requests it, for the audit log. Ignored if calls need a token, which names the caller.
   */
  'author': (string);
  /**
   * Only checks whether the runs can be averaged.
   */
  'validateOnly': (boolean);
}
