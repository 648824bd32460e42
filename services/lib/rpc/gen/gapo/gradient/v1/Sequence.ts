// Original file: gapo/gradient/v1/gradient.proto


/**
 * One sequence: a prompt and its completion.
 */
export interface SequenceInput {
  /**
   * Prompt token ids, including the beginning-of-sequence token.
   */
  'promptIds'?: (number)[];
  /**
   * Completion token ids, at least one; the end-of-sequence token is an action like any other.
   */
  'completionIds'?: (number)[];
}

/**
 * One sequence: a prompt and its completion.
 */
export interface Sequence {
  /**
   * Prompt token ids, including the beginning-of-sequence token.
   */
  'promptIds': (number)[];
  /**
   * Completion token ids, at least one; the end-of-sequence token is an action like any other.
   */
  'completionIds': (number)[];
}
