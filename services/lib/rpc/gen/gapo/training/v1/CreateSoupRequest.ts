// Original file: gapo/training/v1/training.proto


/**
 * Asks for an average.
 */
export interface CreateSoupRequestInput {
  /**
   * The runs to average, by id, with their weights: not negative, not all zero; they are divided by their sum.
   */
  'ingredients'?: ({[key: string]: number | string});
  /**
   * The new run's id; made from the time where empty.
   */
  'runId'?: (string);
}

/**
 * Asks for an average.
 */
export interface CreateSoupRequest {
  /**
   * The runs to average, by id, with their weights: not negative, not all zero; they are divided by their sum.
   */
  'ingredients': ({[key: string]: number});
  /**
   * The new run's id; made from the time where empty.
   */
  'runId': (string);
}
