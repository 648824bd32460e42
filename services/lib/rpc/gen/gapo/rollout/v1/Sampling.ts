// Original file: gapo/rollout/v1/rollout.proto


/**
 * How tokens are drawn.
 */
export interface SamplingInput {
  /**
   * Divides the logits; 0 takes the most probable token.
   */
  'temperature'?: (number | string);
  /**
   * The largest number of tokens in a completion, the end-of-sequence token included.
   */
  'maxNewTokens'?: (number);
  /**
   * Completions for each prompt.
   */
  'samplesPerPrompt'?: (number);
}

/**
 * How tokens are drawn.
 */
export interface Sampling {
  /**
   * Divides the logits; 0 takes the most probable token.
   */
  'temperature': (number);
  /**
   * The largest number of tokens in a completion, the end-of-sequence token included.
   */
  'maxNewTokens': (number);
  /**
   * Completions for each prompt.
   */
  'samplesPerPrompt': (number);
}
