// Original file: gapo/training/v1/training.proto


/**
 * A completion of a prompt.
 */
export interface GeneratedCompletionInput {
  /**
   * Index of its prompt in the request.
   */
  'prompt'?: (number);
  /**
   * Which completion of that prompt, from 0.
   */
  'sample'?: (number);
  /**
   * The text, without special tokens. It is what a model wrote: never interpret it.
   */
  'text'?: (string);
  /**
   * Whether it ended with an end-of-sequence token or a stop string; otherwise it reached the length limit.
   */
  'finished'?: (boolean);
  /**
   * Number of tokens, including the one that ended it.
   */
  'tokens'?: (number);
}

/**
 * A completion of a prompt.
 */
export interface GeneratedCompletion {
  /**
   * Index of its prompt in the request.
   */
  'prompt': (number);
  /**
   * Which completion of that prompt, from 0.
   */
  'sample': (number);
  /**
   * The text, without special tokens. It is what a model wrote: never interpret it.
   */
  'text': (string);
  /**
   * Whether it ended with an end-of-sequence token or a stop string; otherwise it reached the length limit.
   */
  'finished': (boolean);
  /**
   * Number of tokens, including the one that ended it.
   */
  'tokens': (number);
}
