// Original file: gapo/rollout/v1/rollout.proto

import type { PolicyRefInput as _gapo_policy_v1_PolicyRefInput, PolicyRef as _gapo_policy_v1_PolicyRef } from '../../../gapo/policy/v1/PolicyRef.js';
import type { PromptInput as _gapo_rollout_v1_PromptInput, Prompt as _gapo_rollout_v1_Prompt } from '../../../gapo/rollout/v1/Prompt.js';
import type { SamplingInput as _gapo_rollout_v1_SamplingInput, Sampling as _gapo_rollout_v1_Sampling } from '../../../gapo/rollout/v1/Sampling.js';
import type { Long } from '@grpc/proto-loader';

/**
 * A request for the completions of one shard.
 */
export interface GenerateRequestInput {
  /**
   * The policy to sample from.
   */
  'policy'?: (_gapo_policy_v1_PolicyRefInput | null);
  /**
   * The shard's prompts.
   */
  'prompts'?: (_gapo_rollout_v1_PromptInput)[];
  /**
   * How tokens are drawn.
   */
  'sampling'?: (_gapo_rollout_v1_SamplingInput | null);
  /**
   * The run's seed, a counter of the random numbers.
   */
  'seed'?: (number | string | Long);
  /**
   * The training step, a counter of the random numbers.
   */
  'step'?: (number | string | Long);
  /**
   * The instance (gapo.worker.v1) that the request is meant for; others refuse it with ABORTED. Empty: any.
   */
  'instance'?: (string);
}

/**
 * A request for the completions of one shard.
 */
export interface GenerateRequest {
  /**
   * The policy to sample from.
   */
  'policy': (_gapo_policy_v1_PolicyRef | null);
  /**
   * The shard's prompts.
   */
  'prompts': (_gapo_rollout_v1_Prompt)[];
  /**
   * How tokens are drawn.
   */
  'sampling': (_gapo_rollout_v1_Sampling | null);
  /**
   * The run's seed, a counter of the random numbers.
   */
  'seed': (number);
  /**
   * The training step, a counter of the random numbers.
   */
  'step': (number);
  /**
   * The instance (gapo.worker.v1) that the request is meant for; others refuse it with ABORTED. Empty: any.
   */
  'instance': (string);
}
