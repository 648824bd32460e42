// Original file: gapo/reward/v1/reward.proto


/**
 * One thing to score.
 */
export interface ItemInput {
  /**
   * Chosen by the caller, echoed in the result.
   */
  'id'?: (string);
  /**
   * The prompt as text, without special tokens.
   */
  'prompt'?: (string);
  /**
   * The completion as text, without special tokens. May be empty.
   */
  'completion'?: (string);
}

/**
 * One thing to score.
 */
export interface Item {
  /**
   * Chosen by the caller, echoed in the result.
   */
  'id': (string);
  /**
   * The prompt as text, without special tokens.
   */
  'prompt': (string);
  /**
   * The completion as text, without special tokens. May be empty.
   */
  'completion': (string);
}
