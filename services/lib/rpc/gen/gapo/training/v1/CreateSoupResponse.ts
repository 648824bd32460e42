// Original file: gapo/training/v1/training.proto

import type { RunInput as _gapo_training_v1_RunInput, Run as _gapo_training_v1_Run } from '../../../gapo/training/v1/Run.js';

/**
 * Response with the created run.
 */
export interface CreateSoupResponseInput {
  /**
   * The run; unset with `validate_only`.
   */
  'run'?: (_gapo_training_v1_RunInput | null);
}

/**
 * Response with the created run.
 */
export interface CreateSoupResponse {
  /**
   * The run; unset with `validate_only`.
   */
  'run': (_gapo_training_v1_Run | null);
}
