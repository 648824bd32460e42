// Original file: gapo/training/v1/training.proto

import type { RunInput as _gapo_training_v1_RunInput, Run as _gapo_training_v1_Run } from '../../../gapo/training/v1/Run.js';

/**
 * Response with every run.
 */
export interface ListRunsResponseInput {
  /**
   * Every run, newest first.
   */
  'runs'?: (_gapo_training_v1_RunInput)[];
}

/**
 * Response with every run.
 */
export interface ListRunsResponse {
  /**
   * Every run, newest first.
   */
  'runs': (_gapo_training_v1_Run)[];
}
