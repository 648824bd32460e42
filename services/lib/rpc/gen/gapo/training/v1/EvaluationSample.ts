// Original file: gapo/training/v1/training.proto


/**
 * One prompt with both completions.
 */
export interface EvaluationSampleInput {
  /**
   * The prompt.
   */
  'prompt'?: (string);
  /**
   * The starting policy's completion.
   */
  'before'?: (string);
  /**
   * The evaluated policy's completion.
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
 * One prompt with both completions.
 */
export interface EvaluationSample {
  /**
   * The prompt.
   */
  'prompt': (string);
  /**
   * The starting policy's completion.
   */
  'before': (string);
  /**
   * The evaluated policy's completion.
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
