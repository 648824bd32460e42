// Original file: gapo/training/v1/training.proto

import type { ObjectiveInput as _gapo_training_v1_ObjectiveInput, Objective as _gapo_training_v1_Objective } from '../../../gapo/training/v1/Objective.js';

/**
 * Asks for other objectives.
 */
export interface ChangeObjectivesRequestInput {
  /**
   * The run's id.
   */
  'runId'?: (string);
  /**
   * Objectives to add, after those that stay.
   */
  'add'?: (_gapo_training_v1_ObjectiveInput)[];
  /**
   * Names of objectives to remove.
   */
  'remove'?: (string)[];
  /**
   * The preference or weights by objective: one for each of those that result. Where empty the numbers in force stay, which is
   * not enough for an objective that is added.
   */
  'preference'?: ({[key: string]: number | string});
  /**
   * Who asks, for the record.
   */
  'author'?: (string);
}

/**
 * Asks for other objectives.
 */
export interface ChangeObjectivesRequest {
  /**
   * The run's id.
   */
  'runId': (string);
  /**
   * Objectives to add, after those that stay.
   */
  'add': (_gapo_training_v1_Objective)[];
  /**
   * Names of objectives to remove.
   */
  'remove': (string)[];
  /**
   * The preference or weights by objective: one for each of those that result. Where empty the numbers in force stay, which is
   * not enough for an objective that is added.
   */
  'preference': ({[key: string]: number});
  /**
   * Who asks, for the record.
   */
  'author': (string);
}
