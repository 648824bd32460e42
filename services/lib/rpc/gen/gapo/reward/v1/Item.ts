// Original file: gapo/reward/v1/reward.proto

import type { TurnInput as _gapo_reward_v1_TurnInput, Turn as _gapo_reward_v1_Turn } from '../../../gapo/reward/v1/Turn.js';

/**
 * One thing to score.
 */
export interface ItemInput {
  /**
   * Chosen by the caller and echoed in the result.
   */
  'id'?: (string);
  /**
   * The prompt. CLEAN: the text of the last user turn; the turns hold what came before. RAW: everything that the policy read, as decoded from
   * its tokens.
   */
  'prompt'?: (string);
  /**
   * The completion. CLEAN: without special tokens. RAW: with them, including the one that ends it. May be empty.
   */
  'completion'?: (string);
  /**
   * The other columns of the prompt's line, such as a reference answer. Values that are not strings are JSON.
   */
  'metadata'?: ({[key: string]: string});
  /**
   * The conversation that the completion replies to, at least one turn; a plain-text prompt is one user turn. The turns come from the data
   * unchanged in either form of text. If the caller sends none, the prompt is one user turn.
   */
  'turns'?: (_gapo_reward_v1_TurnInput)[];
}

/**
 * One thing to score.
 */
export interface Item {
  /**
   * Chosen by the caller and echoed in the result.
   */
  'id': (string);
  /**
   * The prompt. CLEAN: the text of the last user turn; the turns hold what came before. RAW: everything that the policy read, as decoded from
   * its tokens.
   */
  'prompt': (string);
  /**
   * The completion. CLEAN: without special tokens. RAW: with them, including the one that ends it. May be empty.
   */
  'completion': (string);
  /**
   * The other columns of the prompt's line, such as a reference answer. Values that are not strings are JSON.
   */
  'metadata': ({[key: string]: string});
  /**
   * The conversation that the completion replies to, at least one turn; a plain-text prompt is one user turn. The turns come from the data
   * unchanged in either form of text. If the caller sends none, the prompt is one user turn.
   */
  'turns': (_gapo_reward_v1_Turn)[];
}
