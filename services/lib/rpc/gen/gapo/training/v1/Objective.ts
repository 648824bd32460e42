// Original file: gapo/training/v1/training.proto

import type { FailurePolicyInput as _gapo_training_v1_FailurePolicyInput, FailurePolicy as _gapo_training_v1_FailurePolicy } from '../../../gapo/training/v1/FailurePolicy.js';

/**
 * An objective as a run configuration has it.
 */
export interface ObjectiveInput {
  /**
   * Its name in reports, events and combinations; the service must be for an objective of that name.
   */
  'name'?: (string);
  /**
   * A name that the coordinator knows the service by, or host:port; the objective's name where empty.
   */
  'service'?: (string);
  /**
   * When a completion has no score.
   */
  'onFailure'?: (_gapo_training_v1_FailurePolicyInput);
  /**
   * How long one Score call may take, in seconds; 30 where unset.
   */
  'timeoutSeconds'?: (number | string);
  /**
   * A call that is not answered after so many seconds is made a second time; never where unset.
   */
  'hedgeAfterSeconds'?: (number | string);
  '_timeoutSeconds'?: "timeoutSeconds";
  '_hedgeAfterSeconds'?: "hedgeAfterSeconds";
}

/**
 * An objective as a run configuration has it.
 */
export interface Objective {
  /**
   * Its name in reports, events and combinations; the service must be for an objective of that name.
   */
  'name': (string);
  /**
   * A name that the coordinator knows the service by, or host:port; the objective's name where empty.
   */
  'service': (string);
  /**
   * When a completion has no score.
   */
  'onFailure': (_gapo_training_v1_FailurePolicy);
  /**
   * How long one Score call may take, in seconds; 30 where unset.
   */
  'timeoutSeconds'?: (number);
  /**
   * A call that is not answered after so many seconds is made a second time; never where unset.
   */
  'hedgeAfterSeconds'?: (number);
  '_timeoutSeconds'?: "timeoutSeconds";
  '_hedgeAfterSeconds'?: "hedgeAfterSeconds";
}
