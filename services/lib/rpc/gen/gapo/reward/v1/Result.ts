// Original file: gapo/reward/v1/reward.proto

import type { ItemErrorInput as _gapo_reward_v1_ItemErrorInput, ItemError as _gapo_reward_v1_ItemError } from '../../../gapo/reward/v1/ItemError.js';

/**
 * The result for one item.
 */
export interface ResultInput {
  /**
   * The item's id.
   */
  'id'?: (string);
  /**
   * Finite. The caller treats NaN and infinities as an error.
   */
  'score'?: (number | string);
  /**
   * Why there is no score.
   */
  'error'?: (_gapo_reward_v1_ItemErrorInput | null);
  /**
   * A score, or why there is none.
   */
  'outcome'?: "score"|"error";
}

/**
 * The result for one item.
 */
export interface Result {
  /**
   * The item's id.
   */
  'id': (string);
  /**
   * Finite. The caller treats NaN and infinities as an error.
   */
  'score'?: (number);
  /**
   * Why there is no score.
   */
  'error'?: (_gapo_reward_v1_ItemError | null);
  /**
   * A score, or why there is none.
   */
  'outcome'?: "score"|"error";
}
