// Original file: gapo/gradient/v1/gradient.proto

import type { PolicyRefInput as _gapo_policy_v1_PolicyRefInput, PolicyRef as _gapo_policy_v1_PolicyRef } from '../../../gapo/policy/v1/PolicyRef.js';
import type { SequenceInput as _gapo_gradient_v1_SequenceInput, Sequence as _gapo_gradient_v1_Sequence } from '../../../gapo/gradient/v1/Sequence.js';
import type { LossSpecInput as _gapo_gradient_v1_LossSpecInput, LossSpec as _gapo_gradient_v1_LossSpec } from '../../../gapo/gradient/v1/LossSpec.js';
import type { TensorInput as _gapo_tensor_v1_TensorInput, Tensor as _gapo_tensor_v1_Tensor } from '../../../gapo/tensor/v1/Tensor.js';

/**
 * A request for the gradients of one shard. Tensors over tokens run through all sequences' completion tokens in order.
 */
export interface ComputeGradientsRequestInput {
  /**
   * The policy to differentiate.
   */
  'policy'?: (_gapo_policy_v1_PolicyRefInput | null);
  /**
   * The shard's sequences.
   */
  'sequences'?: (_gapo_gradient_v1_SequenceInput)[];
  /**
   * The surrogate.
   */
  'loss'?: (_gapo_gradient_v1_LossSpecInput | null);
  /**
   * float32: [sequences, K] if one advantage holds for a whole sequence (exact shared backward pass), otherwise [tokens, K].
   */
  'advantages'?: (_gapo_tensor_v1_TensorInput | null);
  /**
   * float32 [tokens]: log-probabilities under the policy that sampled them.
   */
  'oldLogprobs'?: (_gapo_tensor_v1_TensorInput | null);
  /**
   * float32 [tokens]: log-probabilities under the reference policy; unset if kl_coefficient is 0.
   */
  'referenceLogprobs'?: (_gapo_tensor_v1_TensorInput | null);
  /**
   * float32 [tokens, value heads]: values at sampling time; unset without value heads.
   */
  'oldValues'?: (_gapo_tensor_v1_TensorInput | null);
  /**
   * float32 [tokens, value heads]: value targets; unset without value heads.
   */
  'returns'?: (_gapo_tensor_v1_TensorInput | null);
  /**
   * The shard's number, for traces and events.
   */
  'shard'?: (number);
  /**
   * The instance (gapo.worker.v1) that the request is meant for; others refuse it with ABORTED. Empty: any.
   */
  'instance'?: (string);
}

/**
 * A request for the gradients of one shard. Tensors over tokens run through all sequences' completion tokens in order.
 */
export interface ComputeGradientsRequest {
  /**
   * The policy to differentiate.
   */
  'policy': (_gapo_policy_v1_PolicyRef | null);
  /**
   * The shard's sequences.
   */
  'sequences': (_gapo_gradient_v1_Sequence)[];
  /**
   * The surrogate.
   */
  'loss': (_gapo_gradient_v1_LossSpec | null);
  /**
   * float32: [sequences, K] if one advantage holds for a whole sequence (exact shared backward pass), otherwise [tokens, K].
   */
  'advantages': (_gapo_tensor_v1_Tensor | null);
  /**
   * float32 [tokens]: log-probabilities under the policy that sampled them.
   */
  'oldLogprobs': (_gapo_tensor_v1_Tensor | null);
  /**
   * float32 [tokens]: log-probabilities under the reference policy; unset if kl_coefficient is 0.
   */
  'referenceLogprobs': (_gapo_tensor_v1_Tensor | null);
  /**
   * float32 [tokens, value heads]: values at sampling time; unset without value heads.
   */
  'oldValues': (_gapo_tensor_v1_Tensor | null);
  /**
   * float32 [tokens, value heads]: value targets; unset without value heads.
   */
  'returns': (_gapo_tensor_v1_Tensor | null);
  /**
   * The shard's number, for traces and events.
   */
  'shard': (number);
  /**
   * The instance (gapo.worker.v1) that the request is meant for; others refuse it with ABORTED. Empty: any.
   */
  'instance': (string);
}
