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
   * Token ids, including the one that ended the completion: an end-of-sequence token, or the one that completed a stop string.
   */
  'tokenIds'?: (number)[];
  /**
   * float32 little-endian: log-probability of each token under the policy, softmax(logits / temperature), before truncation
   * and penalties; at temperature 0, under softmax(logits). The trainer computes the same, and PPO's ratio uses it.
   */
  'logprobs'?: (Buffer | Uint8Array | string);
  /**
   * Why it ended.
   */
  'finishReason'?: (_gapo_rollout_v1_FinishReasonInput);
  /**
   * float32 little-endian: log-probability of each token under the distribution that it was drawn from, after every option;
   * empty if that is the policy's own; 0 at temperature 0.
   */
  'drawnLogprobs'?: (Buffer | Uint8Array | string);
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
   * Token ids, including the one that ended the completion: an end-of-sequence token, or the one that completed a stop string.
   */
  'tokenIds': (number)[];
  /**
   * float32 little-endian: log-probability of each token under the policy, softmax(logits / temperature), before truncation
   * and penalties; at temperature 0, under softmax(logits). The trainer computes the same, and PPO's ratio uses it.
   */
  'logprobs': (Buffer);
  /**
   * Why it ended.
   */
  'finishReason': (_gapo_rollout_v1_FinishReason);
  /**
   * float32 little-endian: log-probability of each token under the distribution that it was drawn from, after every option;
   * empty if that is the policy's own; 0 at temperature 0.
   */
  'drawnLogprobs': (Buffer);
}
