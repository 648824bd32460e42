// Original file: gapo/rollout/v1/rollout.proto


/**
 * How tokens are drawn. Unset options are off. In this order: repetition penalty, temperature, top-k, top-p over what
 * top-k leaves, min-p.
 */
export interface SamplingInput {
  /**
   * Divides the logits; 0 takes the most probable token, and nothing is cut.
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
  /**
   * Only so many of the most probable tokens are drawn, and those as probable as the last of them. 0: all.
   */
  'topK'?: (number);
  /**
   * Only the most probable tokens whose probabilities first sum to this are drawn; above 0, at most 1. 0: all.
   */
  'topP'?: (number | string);
  /**
   * Only tokens at least this many times as probable as the most probable one are drawn; 0 to 1. 0: all.
   */
  'minP'?: (number | string);
  /**
   * Logits of tokens that the prompt or the completion has are divided by this where positive, else multiplied;
   * above 0. 0: none.
   */
  'repetitionPenalty'?: (number | string);
  /**
   * A completion ends with the token that completes one of these texts; at most 16 of at most 256 characters.
   */
  'stop'?: (string)[];
  /**
   * Completions sampled at once; the others wait until one ends. Rounding, and with it now and then a token, depends on
   * which are sampled together. 0: all of them.
   */
  'batch'?: (number);
}

/**
 * How tokens are drawn. Unset options are off. In this order: repetition penalty, temperature, top-k, top-p over what
 * top-k leaves, min-p.
 */
export interface Sampling {
  /**
   * Divides the logits; 0 takes the most probable token, and nothing is cut.
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
  /**
   * Only so many of the most probable tokens are drawn, and those as probable as the last of them. 0: all.
   */
  'topK': (number);
  /**
   * Only the most probable tokens whose probabilities first sum to this are drawn; above 0, at most 1. 0: all.
   */
  'topP': (number);
  /**
   * Only tokens at least this many times as probable as the most probable one are drawn; 0 to 1. 0: all.
   */
  'minP': (number);
  /**
   * Logits of tokens that the prompt or the completion has are divided by this where positive, else multiplied;
   * above 0. 0: none.
   */
  'repetitionPenalty': (number);
  /**
   * A completion ends with the token that completes one of these texts; at most 16 of at most 256 characters.
   */
  'stop': (string)[];
  /**
   * Completions sampled at once; the others wait until one ends. Rounding, and with it now and then a token, depends on
   * which are sampled together. 0: all of them.
   */
  'batch': (number);
}
