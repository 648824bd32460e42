// Original file: gapo/gradient/v1/gradient.proto

import type { TensorInput as _gapo_tensor_v1_TensorInput, Tensor as _gapo_tensor_v1_Tensor } from '../../../gapo/tensor/v1/Tensor.js';

/**
 * Log-probabilities of the completion tokens of all sequences, concatenated in the order of the request.
 */
export interface LogProbsResponseInput {
  /**
   * float32 [tokens]: all completion tokens.
   */
  'logprobs'?: (_gapo_tensor_v1_TensorInput | null);
  /**
   * float32 [tokens, value heads]: the value before each token; unset if the policy has no value heads.
   */
  'values'?: (_gapo_tensor_v1_TensorInput | null);
}

/**
 * Log-probabilities of the completion tokens of all sequences, concatenated in the order of the request.
 */
export interface LogProbsResponse {
  /**
   * float32 [tokens]: all completion tokens.
   */
  'logprobs': (_gapo_tensor_v1_Tensor | null);
  /**
   * float32 [tokens, value heads]: the value before each token; unset if the policy has no value heads.
   */
  'values': (_gapo_tensor_v1_Tensor | null);
}
