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
   * Token ids, the one that ended the completion included: an end-of-sequence token or the one that completed a stop string.
   */
  'tokenIds'?: (number)[];
  /**
   * float32 little-endian: log-probability of each token under the policy, softmax(logits / temperature), whatever was
   * cut or penalised; at temperature 0 under softmax(logits). It is what the trainer computes, and what PPO's ratio takes.
   */
  'logprobs'?: (Buffer | Uint8Array | string);
  /**
   * Why it ended.
   */
  'finishReason'?: (_gapo_rollout_v1_FinishReasonInput);
  /**
   * float32 little-endian: log-probability of each token under the distribution that it was drawn from, after every
   * option; empty where that is the policy's own. At temperature 0 it is a point, and this is 0.
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
   * Token ids, the one that ended the completion included: an end-of-sequence token or the one that completed a stop string.
   */
  'tokenIds': (number)[];
  /**
   * float32 little-endian: log-probability of each token under the policy, softmax(logits / temperature), whatever was
   * cut or penalised; at temperature 0 under softmax(logits). It is what the trainer computes, and what PPO's ratio takes.
   */
  'logprobs': (Buffer);
  /**
   * Why it ended.
   */
  'finishReason': (_gapo_rollout_v1_FinishReason);
  /**
   * float32 little-endian: log-probability of each token under the distribution that it was drawn from, after every
   * option; empty where that is the policy's own. At temperature 0 it is a point, and this is 0.
   */
  'drawnLogprobs': (Buffer);
}
