// Original file: gapo/rollout/v1/rollout.proto

import type { FinishReasonInput as _gapo_rollout_v1_FinishReasonInput, FinishReason as _gapo_rollout_v1_FinishReason } from '../../../gapo/rollout/v1/FinishReason.js';

/**
 * One completion.
 */
export interface CompletionInput {
  /**
   * Index of the prompt in the request's list.
   */
  'prompt'?: (number);
  /**
   * Which sample of that prompt, from 0.
   */
  'sample'?: (number);
  /**
   * Token ids, the end-of-sequence token included where it was drawn.
   */
  'tokenIds'?: (number)[];
  /**
   * float32 little-endian: log-probability of each token under the sampling distribution, softmax(logits / temperature);
   * at temperature 0, where the distribution is a point, under softmax(logits).
   */
  'logprobs'?: (Buffer | Uint8Array | string);
  /**
   * Why it ended.
   */
  'finishReason'?: (_gapo_rollout_v1_FinishReasonInput);
}

/**
 * One completion.
 */
export interface Completion {
  /**
   * Index of the prompt in the request's list.
   */
  'prompt': (number);
  /**
   * Which sample of that prompt, from 0.
   */
  'sample': (number);
  /**
   * Token ids, the end-of-sequence token included where it was drawn.
   */
  'tokenIds': (number)[];
  /**
   * float32 little-endian: log-probability of each token under the sampling distribution, softmax(logits / temperature);
   * at temperature 0, where the distribution is a point, under softmax(logits).
   */
  'logprobs': (Buffer);
  /**
   * Why it ended.
   */
  'finishReason': (_gapo_rollout_v1_FinishReason);
}
