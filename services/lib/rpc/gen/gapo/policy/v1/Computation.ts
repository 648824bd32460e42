// Original file: gapo/policy/v1/policy.proto

import type { PrecisionInput as _gapo_policy_v1_PrecisionInput, Precision as _gapo_policy_v1_Precision } from '../../../gapo/policy/v1/Precision.js';

/**
 * How workers compute. It affects the result, in the last bits at least, so it is the same for every worker of a run.
 */
export interface ComputationInput {
  /**
   * The precision of matrix products.
   */
  'precision'?: (_gapo_policy_v1_PrecisionInput);
  /**
   * MiB for the activations of a micro-batch; a shard that needs more is split. 0: 2048.
   */
  'memoryBudget'?: (number);
  /**
   * Whether backward passes recompute each layer instead of keeping its activations.
   */
  'recompute'?: (boolean);
}

/**
 * How workers compute. It affects the result, in the last bits at least, so it is the same for every worker of a run.
 */
export interface Computation {
  /**
   * The precision of matrix products.
   */
  'precision': (_gapo_policy_v1_Precision);
  /**
   * MiB for the activations of a micro-batch; a shard that needs more is split. 0: 2048.
   */
  'memoryBudget': (number);
  /**
   * Whether backward passes recompute each layer instead of keeping its activations.
   */
  'recompute': (boolean);
}
