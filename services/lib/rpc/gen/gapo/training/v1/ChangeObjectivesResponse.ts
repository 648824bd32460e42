// Original file: gapo/training/v1/training.proto

import type { RunInput as _gapo_training_v1_RunInput, Run as _gapo_training_v1_Run } from '../../../gapo/training/v1/Run.js';
import type { Long } from '@grpc/proto-loader';

/**
 * The recorded change.
 */
export interface ChangeObjectivesResponseInput {
  /**
   * The run, with the objectives of its next step.
   */
  'run'?: (_gapo_training_v1_RunInput | null);
  /**
   * Whether the request changed anything.
   */
  'changed'?: (boolean);
  /**
   * The first step that uses the new objectives.
   */
  'firstStep'?: (number | string | Long);
  /**
   * The names of the objectives before the change, in order.
   */
  'before'?: (string)[];
  /**
   * The preference or weights before the change, by objective.
   */
  'preferenceBefore'?: ({[key: string]: number | string});
  /**
   * Who requested the change.
   */
  'author'?: (string);
}

/**
 * The recorded change.
 */
export interface ChangeObjectivesResponse {
  /**
   * The run, with the objectives of its next step.
   */
  'run': (_gapo_training_v1_Run | null);
  /**
   * Whether the request changed anything.
   */
  'changed': (boolean);
  /**
   * The first step that uses the new objectives.
   */
  'firstStep': (number);
  /**
   * The names of the objectives before the change, in order.
   */
  'before': (string)[];
  /**
   * The preference or weights before the change, by objective.
   */
  'preferenceBefore': ({[key: string]: number});
  /**
   * Who requested the change.
   */
  'author': (string);
}
