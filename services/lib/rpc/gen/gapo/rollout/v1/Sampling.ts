// Original file: gapo/rollout/v1/rollout.proto


/**
 * How tokens are drawn. Unset options are off. They apply in this order: repetition penalty, temperature, top-k, top-p over
 * what top-k leaves, min-p.
 */
export interface SamplingInput {
  /**
   * Divides the logits; 0 takes the most probable token, without truncation.
   */
  'temperature'?: (number | string);
  /**
   * The largest number of tokens in a completion, including the end-of-sequence token.
   */
  'maxNewTokens'?: (number);
  /**
   * Completions per prompt.
   */
  'samplesPerPrompt'?: (number);
  /**
   * Draws from this many of the most probable tokens, plus any that tie with the last of them. 0: all.
   */
  'topK'?: (number);
  /**
   * Draws from the smallest set of most probable tokens whose probabilities sum to at least this; above 0, at most 1. 0: all.
   */
  'topP'?: (number | string);
  /**
   * Draws from tokens whose probability is at least this fraction of the largest; 0 to 1. 0: all.
   */
  'minP'?: (number | string);
  /**
   * Divides positive logits of tokens in the prompt or the completion, and multiplies negative ones; above 0. 0: none.
   */
  'repetitionPenalty'?: (number | string);
  /**
   * Ends a completion at the token that completes one of these texts; at most 16 texts of at most 256 characters.
   */
  'stop'?: (string)[];
  /**
   * Completions sampled at once; the others wait until one ends. Rounding depends on which are sampled together, which in rare
   * cases changes a token. 0: all.
   */
  'batch'?: (number);
}

/**
 * How tokens are drawn. Unset options are off. They apply in this order: repetition penalty, temperature, top-k, top-p over
 * what top-k leaves, min-p.
 */
export interface Sampling {
  /**
   * Divides the logits; 0 takes the most probable token, without truncation.
   */
  'temperature': (number);
  /**
   * The largest number of tokens in a completion, including the end-of-sequence token.
   */
  'maxNewTokens': (number);
  /**
   * Completions per prompt.
   */
  'samplesPerPrompt': (number);
  /**
   * Draws from this many of the most probable tokens, plus any that tie with the last of them. 0: all.
   */
  'topK': (number);
  /**
   * Draws from the smallest set of most probable tokens whose probabilities sum to at least this; above 0, at most 1. 0: all.
   */
  'topP': (number);
  /**
   * Draws from tokens whose probability is at least this fraction of the largest; 0 to 1. 0: all.
   */
  'minP': (number);
  /**
   * Divides positive logits of tokens in the prompt or the completion, and multiplies negative ones; above 0. 0: none.
   */
  'repetitionPenalty': (number);
  /**
   * Ends a completion at the token that completes one of these texts; at most 16 texts of at most 256 characters.
   */
  'stop': (string)[];
  /**
   * Completions sampled at once; the others wait until one ends. Rounding depends on which are sampled together, which in rare
   * cases changes a token. 0: all.
   */
  'batch': (number);
}
