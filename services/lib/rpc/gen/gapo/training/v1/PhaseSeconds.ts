// Original file: gapo/training/v1/training.proto


/**
 * Where a step's time went, in wall seconds.
 */
export interface PhaseSecondsInput {
  /**
   * Sampling completions.
   */
  'sampling'?: (number | string);
  /**
   * Scoring them.
   */
  'rewards'?: (number | string);
  /**
   * Reference log-probabilities and gradients.
   */
  'gradients'?: (number | string);
  /**
   * Gram matrix, weights, optimiser.
   */
  'combination'?: (number | string);
  /**
   * Checkpoint.
   */
  'checkpoint'?: (number | string);
}

/**
 * Where a step's time went, in wall seconds.
 */
export interface PhaseSeconds {
  /**
   * Sampling completions.
   */
  'sampling': (number);
  /**
   * Scoring them.
   */
  'rewards': (number);
  /**
   * Reference log-probabilities and gradients.
   */
  'gradients': (number);
  /**
   * Gram matrix, weights, optimiser.
   */
  'combination': (number);
  /**
   * Checkpoint.
   */
  'checkpoint': (number);
}
