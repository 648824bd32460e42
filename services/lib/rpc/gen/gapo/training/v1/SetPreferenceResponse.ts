// Original file: gapo/training/v1/training.proto

import type { RunInput as _gapo_training_v1_RunInput, Run as _gapo_training_v1_Run } from '../../../gapo/training/v1/Run.js';
import type { Long } from '@grpc/proto-loader';

/**
 * The recorded change.
 */
export interface SetPreferenceResponseInput {
  /**
   * The run, with the preference of its next step.
   */
  'run'?: (_gapo_training_v1_RunInput | null);
  /**
   * The first step that uses the new preference.
   */
  'firstStep'?: (number | string | Long);
  /**
   * The preference or weights before the change, by objective.
   */
  'before'?: ({[key: string]: number | string});
  /**
   * Who requested the change.
   */
  'author'?: (string);
}

/**
 * The recorded change.
 */
export interface SetPreferenceResponse {
  /**
   * The run, with the preference of its next step.
   */
  'run': (_gapo_training_v1_Run | null);
  /**
   * The first step that uses the new preference.
   */
  'firstStep': (number);
  /**
   * The preference or weights before the change, by objective.
   */
  'before': ({[key: string]: number});
  /**
   * Who requested the change.
   */
  'author': (string);
}
