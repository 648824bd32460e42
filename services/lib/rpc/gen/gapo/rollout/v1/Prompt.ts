// Original file: gapo/rollout/v1/rollout.proto

import type { Long } from '@grpc/proto-loader';

/**
 * One prompt as token ids. The owner of the prompt tokenizes its text once.
 */
export interface PromptInput {
  /**
   * The prompt's index in the run's data set, a counter of the random numbers.
   */
  'index'?: (number | string | Long);
  /**
   * Token ids, including the beginning-of-sequence token.
   */
  'tokenIds'?: (number)[];
}

/**
 * One prompt as token ids. The owner of the prompt tokenizes its text once.
 */
export interface Prompt {
  /**
   * The prompt's index in the run's data set, a counter of the random numbers.
   */
  'index': (number);
  /**
   * Token ids, including the beginning-of-sequence token.
   */
  'tokenIds': (number)[];
}
