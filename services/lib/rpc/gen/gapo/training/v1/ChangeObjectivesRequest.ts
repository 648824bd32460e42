// Original file: gapo/training/v1/training.proto

import type { ObjectiveInput as _gapo_training_v1_ObjectiveInput, Objective as _gapo_training_v1_Objective } from '../../../gapo/training/v1/Objective.js';

/**
 * Request to change a run's objectives.
 */
export interface ChangeObjectivesRequestInput {
  /**
   * The run's id.
   */
  'runId'?: (string);
  /**
   * Objectives to add after the current ones.
   */
  'add'?: (_gapo_training_v1_ObjectiveInput)[];
  /**
   * Names of objectives to remove.
   */
  'remove'?: (string)[];
  /**
   * The preference or weights after the change, one for each objective. If empty, the current ones are kept, which is not enough if an
   * objective is added.
   */
  'preference'?: ({[key: string]: number | string});
  /**
   * Who requests the change, for the record.
   */
  'author'?: (string);
}

/**
 * Request to change a run's objectives.
 */
export interface ChangeObjectivesRequest {
  /**
   * The run's id.
   */
  'runId': (string);
  /**
   * Objectives to add after the current ones.
   */
  'add': (_gapo_training_v1_Objective)[];
  /**
   * Names of objectives to remove.
   */
  'remove': (string)[];
  /**
   * The preference or weights after the change, one for each objective. If empty, the current ones are kept, which is not enough if an
   * objective is added.
   */
  'preference': ({[key: string]: number});
  /**
   * Who requests the change, for the record.
   */
  'author': (string);
}
