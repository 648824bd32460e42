// Original file: gapo/training/v1/run.proto


/**
 * The wall time of a step by phase, in seconds.
 */
export interface PhaseSecondsInput {
  /**
   * Sampling completions.
   */
  'sampling'?: (number | string);
  /**
   * Scoring completions.
   */
  'rewards'?: (number | string);
  /**
   * Reference logprobs and gradients.
   */
  'gradients'?: (number | string);
  /**
   * Gram matrix, combination weights and optimiser.
   */
  'combination'?: (number | string);
  /**
   * Writing the checkpoint.
   */
  'checkpoint'?: (number | string);
}

/**
 * The wall time of a step by phase, in seconds.
 */
export interface PhaseSeconds {
  /**
   * Sampling completions.
   */
  'sampling': (number);
  /**
   * Scoring completions.
   */
  'rewards': (number);
  /**
   * Reference logprobs and gradients.
   */
  'gradients': (number);
  /**
   * Gram matrix, combination weights and optimiser.
   */
  'combination': (number);
  /**
   * Writing the checkpoint.
   */
  'checkpoint': (number);
}
