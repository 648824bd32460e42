// Original file: gapo/reward/v1/reward.proto

import type { ResultInput as _gapo_reward_v1_ResultInput, Result as _gapo_reward_v1_Result } from '../../../gapo/reward/v1/Result.js';

/**
 * The scores, in the order of the items.
 */
export interface ScoreResponseInput {
  /**
   * One for each item.
   */
  'results'?: (_gapo_reward_v1_ResultInput)[];
  /**
   * The version that computed them, as in DescribeResponse.
   */
  'version'?: (string);
}

/**
 * The scores, in the order of the items.
 */
export interface ScoreResponse {
  /**
   * One for each item.
   */
  'results': (_gapo_reward_v1_Result)[];
  /**
   * The version that computed them, as in DescribeResponse.
   */
  'version': (string);
}
