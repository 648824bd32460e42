// Original file: gapo/training/v1/training.proto

import type { RunInput as _gapo_training_v1_RunInput, Run as _gapo_training_v1_Run } from '../../../gapo/training/v1/Run.js';

/**
 * Every run.
 */
export interface ListRunsResponseInput {
  /**
   * Newest first.
   */
  'runs'?: (_gapo_training_v1_RunInput)[];
}

/**
 * Every run.
 */
export interface ListRunsResponse {
  /**
   * Newest first.
   */
  'runs': (_gapo_training_v1_Run)[];
}
