// Original file: gapo/training/v1/samples.proto


/**
 * A token of a completion.
 */
export interface SampleTokenInput {
  /**
   * What it adds to the text before it; the last of the tokens that share a character has it, the others have U+FFFD. Special
   * tokens are written out.
   */
  'text'?: (string);
  /**
   * Its log-probability under the policy that sampled it, in nats.
   */
  'logprob'?: (number | string);
  /**
   * Its advantage for each objective, in order, or the one of all objectives. Empty where the tokens of a completion share one.
   */
  'advantages'?: (number | string)[];
}

/**
 * A token of a completion.
 */
export interface SampleToken {
  /**
   * What it adds to the text before it; the last of the tokens that share a character has it, the others have U+FFFD. Special
   * tokens are written out.
   */
  'text': (string);
  /**
   * Its log-probability under the policy that sampled it, in nats.
   */
  'logprob': (number);
  /**
   * Its advantage for each objective, in order, or the one of all objectives. Empty where the tokens of a completion share one.
   */
  'advantages': (number)[];
}
