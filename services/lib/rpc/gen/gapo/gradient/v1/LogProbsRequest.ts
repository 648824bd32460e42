// Original file: gapo/gradient/v1/gradient.proto

import type { PolicyRefInput as _gapo_policy_v1_PolicyRefInput, PolicyRef as _gapo_policy_v1_PolicyRef } from '../../../gapo/policy/v1/PolicyRef.js';
import type { SequenceInput as _gapo_gradient_v1_SequenceInput, Sequence as _gapo_gradient_v1_Sequence } from '../../../gapo/gradient/v1/Sequence.js';

/**
 * Asks for log-probabilities.
 */
export interface LogProbsRequestInput {
  /**
   * The policy.
   */
  'policy'?: (_gapo_policy_v1_PolicyRefInput | null);
  /**
   * The shard's sequences.
   */
  'sequences'?: (_gapo_gradient_v1_SequenceInput)[];
  /**
   * The temperature that sampled them: the logits are divided by it. Greater than 0.
   */
  'temperature'?: (number | string);
}

/**
 * Asks for log-probabilities.
 */
export interface LogProbsRequest {
  /**
   * The policy.
   */
  'policy': (_gapo_policy_v1_PolicyRef | null);
  /**
   * The shard's sequences.
   */
  'sequences': (_gapo_gradient_v1_Sequence)[];
  /**
   * The temperature that sampled them: the logits are divided by it. Greater than 0.
   */
  'temperature': (number);
}
