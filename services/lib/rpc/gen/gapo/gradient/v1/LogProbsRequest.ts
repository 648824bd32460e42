// Original file: gapo/gradient/v1/gradient.proto

import type { PolicyRefInput as _gapo_policy_v1_PolicyRefInput, PolicyRef as _gapo_policy_v1_PolicyRef } from '../../../gapo/policy/v1/PolicyRef.js';
import type { SequenceInput as _gapo_gradient_v1_SequenceInput, Sequence as _gapo_gradient_v1_Sequence } from '../../../gapo/gradient/v1/Sequence.js';
import type { Long } from '@grpc/proto-loader';

/**
 * A request for log-probabilities.
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
   * The temperature at which they were sampled, which divides the logits. Greater than 0.
   */
  'temperature'?: (number | string);
  /**
   * A version of the same run that will be needed soon: the worker starts to pull it without waiting for it. 0: none.
   */
  'nextVersion'?: (number | string | Long);
  /**
   * The instance (gapo.worker.v1) that the request is meant for; others refuse it with ABORTED. Empty: any.
   */
  'instance'?: (string);
}

/**
 * A request for log-probabilities.
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
   * The temperature at which they were sampled, which divides the logits. Greater than 0.
   */
  'temperature': (number);
  /**
   * A version of the same run that will be needed soon: the worker starts to pull it without waiting for it. 0: none.
   */
  'nextVersion': (number);
  /**
   * The instance (gapo.worker.v1) that the request is meant for; others refuse it with ABORTED. Empty: any.
   */
  'instance': (string);
}
