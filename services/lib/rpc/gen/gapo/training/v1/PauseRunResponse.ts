// Original file: gapo/training/v1/training.proto

import type { RunInput as _gapo_training_v1_RunInput, Run as _gapo_training_v1_Run } from '../../../gapo/training/v1/Run.js';

/**
 * Response with the run, which pauses after the step in progress.
 */
export interface PauseRunResponseInput {
  /**
   * The run.
   */
  'run'?: (_gapo_training_v1_RunInput | null);
}

/**
 * Response with the run, which pauses after the step in progress.
 */
export interface PauseRunResponse {
  /**
   * The run.
   */
  'run': (_gapo_training_v1_Run | null);
}
