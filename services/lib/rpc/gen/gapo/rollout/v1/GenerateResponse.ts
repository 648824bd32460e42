// Original file: gapo/rollout/v1/rollout.proto

import type { CompletionInput as _gapo_rollout_v1_CompletionInput, Completion as _gapo_rollout_v1_Completion } from '../../../gapo/rollout/v1/Completion.js';

/**
 * Finished completions.
 */
export interface GenerateResponseInput {
  /**
   * One or more completions.
   */
  'completions'?: (_gapo_rollout_v1_CompletionInput)[];
}

/**
 * Finished completions.
 */
export interface GenerateResponse {
  /**
   * One or more completions.
   */
  'completions': (_gapo_rollout_v1_Completion)[];
}
