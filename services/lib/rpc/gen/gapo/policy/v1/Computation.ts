// Original file: gapo/policy/v1/policy.proto

import type { PrecisionInput as _gapo_policy_v1_PrecisionInput, Precision as _gapo_policy_v1_Precision } from '../../../gapo/policy/v1/Precision.js';

/**
 * How workers compute: part of the result, in its last bits at least, and so the same for every worker of a run.
 */
export interface ComputationInput {
  /**
   * What matrix products are computed in.
   */
  'precision'?: (_gapo_policy_v1_PrecisionInput);
  /**
   * MiB for what the forward and backward pass of a micro-batch keeps: a shard that needs more is split. 0: 2048.
   */
  'memoryBudget'?: (number);
  /**
   * Whether backward passes compute each layer again instead of keeping what it computed.
   */
  'recompute'?: (boolean);
}

/**
 * How workers compute: part of the result, in its last bits at least, and so the same for every worker of a run.
 */
export interface Computation {
  /**
   * What matrix products are computed in.
   */
  'precision': (_gapo_policy_v1_Precision);
  /**
   * MiB for what the forward and backward pass of a micro-batch keeps: a shard that needs more is split. 0: 2048.
   */
  'memoryBudget': (number);
  /**
   * Whether backward passes compute each layer again instead of keeping what it computed.
   */
  'recompute': (boolean);
}
