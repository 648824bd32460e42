// Original file: gapo/training/v1/training.proto

import type { RunInput as _gapo_training_v1_RunInput, Run as _gapo_training_v1_Run } from '../../../gapo/training/v1/Run.js';

/**
 * The run that was made.
 */
export interface CreateSoupResponseInput {
  /**
   * The run.
   */
  'run'?: (_gapo_training_v1_RunInput | null);
}

/**
 * The run that was made.
 */
export interface CreateSoupResponse {
  /**
   * The run.
   */
  'run': (_gapo_training_v1_Run | null);
}
