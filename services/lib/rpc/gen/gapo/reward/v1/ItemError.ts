// Original file: gapo/reward/v1/reward.proto


/**
 * Why one item has no score.
 */
export interface ItemErrorInput {
  /**
   * What was wrong and what was expected, for display.
   */
  'message'?: (string);
  /**
   * Whether the same item may succeed later.
   */
  'retryable'?: (boolean);
}

/**
 * Why one item has no score.
 */
export interface ItemError {
  /**
   * What was wrong and what was expected, for display.
   */
  'message': (string);
  /**
   * Whether the same item may succeed later.
   */
  'retryable': (boolean);
}
