// Original file: gapo/training/v1/samples.proto


/**
 * A token of a completion.
 */
export interface SampleTokenInput {
  /**
   * What it adds to the text before it. If several tokens share a character, the last one carries it and the others have U+FFFD. Special
   * tokens are written out.
   */
  'text'?: (string);
  /**
   * Its log-probability under the policy that sampled it, in nats.
   */
  'logprob'?: (number | string);
  /**
   * Its advantage for each objective, in order, or the single one for all objectives. Empty if the tokens of a completion share one.
   */
  'advantages'?: (number | string)[];
}

/**
 * A token of a completion.
 */
export interface SampleToken {
  /**
   * What it adds to the text before it. If several tokens share a character, the last one carries it and the others have U+FFFD. Special
   * tokens are written out.
   */
  'text': (string);
  /**
   * Its log-probability under the policy that sampled it, in nats.
   */
  'logprob': (number);
  /**
   * Its advantage for each objective, in order, or the single one for all objectives. Empty if the tokens of a completion share one.
   */
  'advantages': (number)[];
}
