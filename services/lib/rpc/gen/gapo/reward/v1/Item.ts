// Original file: gapo/reward/v1/reward.proto

import type { TurnInput as _gapo_reward_v1_TurnInput, Turn as _gapo_reward_v1_Turn } from '../../../gapo/reward/v1/Turn.js';

/**
 * One thing to score.
 */
export interface ItemInput {
  /**
   * Chosen by the caller, echoed in the result.
   */
  'id'?: (string);
  /**
   * The prompt. CLEAN: the text of the last user turn; the turns have what came before. RAW: all that the policy read, as its tokens say it.
   */
  'prompt'?: (string);
  /**
   * The completion. CLEAN: without special tokens. RAW: with them, such as the one that ends it. May be empty.
   */
  'completion'?: (string);
  /**
   * The other columns of the prompt's line, such as a reference answer. Values that are not strings are JSON.
   */
  'metadata'?: ({[key: string]: string});
  /**
   * The conversation that the completion replies to, at least one turn; a prompt that is one text is one user turn. In either form of text
   * the turns are the data's own. A caller that sends none means the prompt as one user turn.
   */
  'turns'?: (_gapo_reward_v1_TurnInput)[];
}

/**
 * One thing to score.
 */
export interface Item {
  /**
   * Chosen by the caller, echoed in the result.
   */
  'id': (string);
  /**
   * The prompt. CLEAN: the text of the last user turn; the turns have what came before. RAW: all that the policy read, as its tokens say it.
   */
  'prompt': (string);
  /**
   * The completion. CLEAN: without special tokens. RAW: with them, such as the one that ends it. May be empty.
   */
  'completion': (string);
  /**
   * The other columns of the prompt's line, such as a reference answer. Values that are not strings are JSON.
   */
  'metadata': ({[key: string]: string});
  /**
   * The conversation that the completion replies to, at least one turn; a prompt that is one text is one user turn. In either form of text
   * the turns are the data's own. A caller that sends none means the prompt as one user turn.
   */
  'turns': (_gapo_reward_v1_Turn)[];
}
