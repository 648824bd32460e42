// Original file: gapo/training/v1/samples.proto


/**
 * One objective's score and advantage for a completion.
 */
export interface SampleScoreInput {
  /**
   * The objective's name.
   */
  'objective'?: (string);
  /**
   * The score; unset if there is none.
   */
  'score'?: (number | string);
  /**
   * Why there is no score; empty if there is one.
   */
  'failure'?: (string);
  /**
   * The advantage that the step trained on: the mean over the completion's tokens if each has its own. Unset if the step did not train on
   * the completion because an objective has no score for it or for the others of its prompt.
   */
  'advantage'?: (number | string);
  '_score'?: "score";
  '_advantage'?: "advantage";
}

/**
 * One objective's score and advantage for a completion.
 */
export interface SampleScore {
  /**
   * The objective's name.
   */
  'objective': (string);
  /**
   * The score; unset if there is none.
   */
  'score'?: (number);
  /**
   * Why there is no score; empty if there is one.
   */
  'failure': (string);
  /**
   * The advantage that the step trained on: the mean over the completion's tokens if each has its own. Unset if the step did not train on
   * the completion because an objective has no score for it or for the others of its prompt.
   */
  'advantage'?: (number);
  '_score'?: "score";
  '_advantage'?: "advantage";
}
