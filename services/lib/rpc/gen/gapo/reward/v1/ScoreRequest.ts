// Original file: gapo/reward/v1/reward.proto

import type { ItemInput as _gapo_reward_v1_ItemInput, Item as _gapo_reward_v1_Item } from '../../../gapo/reward/v1/Item.js';

/**
 * A request for scores.
 */
export interface ScoreRequestInput {
  /**
   * At most max_batch items.
   */
  'items'?: (_gapo_reward_v1_ItemInput)[];
}

/**
 * A request for scores.
 */
export interface ScoreRequest {
  /**
   * At most max_batch items.
   */
  'items': (_gapo_reward_v1_Item)[];
}
