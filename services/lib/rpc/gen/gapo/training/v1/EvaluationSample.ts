// Original file: gapo/training/v1/evaluation.proto


/**
 * A held-out prompt with the completions of both policies.
 */
export interface EvaluationSampleInput {
  /**
   * The prompt.
   */
  'prompt'?: (string);
  /**
   * Completion of the starting policy.
   */
  'before'?: (string);
  /**
   * Completion of the evaluated policy.
   */
  'after'?: (string);
  /**
   * Scores of `before`, in the order of the objectives.
   */
  'scoresBefore'?: (number | string)[];
  /**
   * Scores of `after`.
   */
  'scoresAfter'?: (number | string)[];
}

/**
 * A held-out prompt with the completions of both policies.
 */
export interface EvaluationSample {
  /**
   * The prompt.
   */
  'prompt': (string);
  /**
   * Completion of the starting policy.
   */
  'before': (string);
  /**
   * Completion of the evaluated policy.
   */
  'after': (string);
  /**
   * Scores of `before`, in the order of the objectives.
   */
  'scoresBefore': (number)[];
  /**
   * Scores of `after`.
   */
  'scoresAfter': (number)[];
}
