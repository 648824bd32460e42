// Original file: gapo/training/v1/training.proto

import type { RunInput as _gapo_training_v1_RunInput, Run as _gapo_training_v1_Run } from '../../../gapo/training/v1/Run.js';

/**
 * The run, with the preference that its next step will use.
 */
export interface SetPreferenceResponseInput {
  /**
   * The run.
   */
  'run'?: (_gapo_training_v1_RunInput | null);
}

/**
 * The run, with the preference that its next step will use.
 */
export interface SetPreferenceResponse {
  /**
   * The run.
   */
  'run': (_gapo_training_v1_Run | null);
}
