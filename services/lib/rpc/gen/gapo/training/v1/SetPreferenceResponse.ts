// Original file: gapo/training/v1/training.proto

import type { RunInput as _gapo_training_v1_RunInput, Run as _gapo_training_v1_Run } from '../../../gapo/training/v1/Run.js';
import type { Long } from '@grpc/proto-loader';

/**
 * The change as it was recorded.
 */
export interface SetPreferenceResponseInput {
  /**
   * The run, with the preference that its next step will use.
   */
  'run'?: (_gapo_training_v1_RunInput | null);
  /**
   * The first step that uses it.
   */
  'firstStep'?: (number | string | Long);
  /**
   * The preference or weights by objective that were in force.
   */
  'before'?: ({[key: string]: number | string});
}

/**
 * The change as it was recorded.
 */
export interface SetPreferenceResponse {
  /**
   * The run, with the preference that its next step will use.
   */
  'run': (_gapo_training_v1_Run | null);
  /**
   * The first step that uses it.
   */
  'firstStep': (number);
  /**
   * The preference or weights by objective that were in force.
   */
  'before': ({[key: string]: number});
}
