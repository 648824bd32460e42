// Original file: gapo/training/v1/training.proto

import type { RunInput as _gapo_training_v1_RunInput, Run as _gapo_training_v1_Run } from '../../../gapo/training/v1/Run.js';
import type { Long } from '@grpc/proto-loader';

/**
 * The change as it was recorded.
 */
export interface ChangeObjectivesResponseInput {
  /**
   * The run, with the objectives that its next step will use.
   */
  'run'?: (_gapo_training_v1_RunInput | null);
  /**
   * Whether anything is other than before.
   */
  'changed'?: (boolean);
  /**
   * The first step that uses it.
   */
  'firstStep'?: (number | string | Long);
  /**
   * The names of the objectives that were in force, in order.
   */
  'before'?: (string)[];
  /**
   * The preference or weights by objective that were in force.
   */
  'preferenceBefore'?: ({[key: string]: number | string});
}

/**
 * The change as it was recorded.
 */
export interface ChangeObjectivesResponse {
  /**
   * The run, with the objectives that its next step will use.
   */
  'run': (_gapo_training_v1_Run | null);
  /**
   * Whether anything is other than before.
   */
  'changed': (boolean);
  /**
   * The first step that uses it.
   */
  'firstStep': (number);
  /**
   * The names of the objectives that were in force, in order.
   */
  'before': (string)[];
  /**
   * The preference or weights by objective that were in force.
   */
  'preferenceBefore': ({[key: string]: number});
}
