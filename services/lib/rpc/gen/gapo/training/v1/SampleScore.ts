// Original file: gapo/training/v1/samples.proto


/**
 * What one objective made of a completion.
 */
export interface SampleScoreInput {
  /**
   * The objective's name.
   */
  'objective'?: (string);
  /**
   * The score; unset where there is none.
   */
  'score'?: (number | string);
  /**
   * Why there is no score; empty where there is one.
   */
  'failure'?: (string);
  /**
   * The advantage that the step trained on: the mean over the completion's tokens where each token has its own. Unset where the step did
   * not train on the completion, since an objective has no score for it or for the others of its prompt.
   */
  'advantage'?: (number | string);
  '_score'?: "score";
  '_advantage'?: "advantage";
}

/**
 * What one objective made of a completion.
 */
export interface SampleScore {
  /**
   * The objective's name.
   */
  'objective': (string);
  /**
   * The score; unset where there is none.
   */
  'score'?: (number);
  /**
   * Why there is no score; empty where there is one.
   */
  'failure': (string);
  /**
   * The advantage that the step trained on: the mean over the completion's tokens where each token has its own. Unset where the step did
   * not train on the completion, since an objective has no score for it or for the others of its prompt.
   */
  'advantage'?: (number);
  '_score'?: "score";
  '_advantage'?: "advantage";
}
