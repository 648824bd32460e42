// Original file: gapo/training/v1/training.proto

import type { RunInput as _gapo_training_v1_RunInput, Run as _gapo_training_v1_Run } from '../../../gapo/training/v1/Run.js';

/**
 * The run, pausing.
 */
export interface PauseRunResponseInput {
  /**
   * The run.
   */
  'run'?: (_gapo_training_v1_RunInput | null);
}

/**
 * The run, pausing.
 */
export interface PauseRunResponse {
  /**
   * The run.
   */
  'run': (_gapo_training_v1_Run | null);
}
