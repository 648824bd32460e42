// Original file: gapo/training/v1/training.proto

import type { FailurePolicyInput as _gapo_training_v1_FailurePolicyInput, FailurePolicy as _gapo_training_v1_FailurePolicy } from '../../../gapo/training/v1/FailurePolicy.js';
import type { TextFormInput as _gapo_reward_v1_TextFormInput, TextForm as _gapo_reward_v1_TextForm } from '../../../gapo/reward/v1/TextForm.js';

/**
 * An objective, as in a run configuration.
 */
export interface ObjectiveInput {
  /**
   * The name in reports, events and combinations; its reward service must report the same name.
   */
  'name'?: (string);
  /**
   * The reward service: a name that the coordinator's REWARD_SERVICES resolves, or host:port. The objective's name if empty.
   */
  'service'?: (string);
  /**
   * What happens when a completion has no score.
   */
  'onFailure'?: (_gapo_training_v1_FailurePolicyInput);
  /**
   * Deadline of one Score call, in seconds; 30 if unset.
   */
  'timeoutSeconds'?: (number | string);
  /**
   * Seconds after which an unanswered call is hedged with a second one; never if unset.
   */
  'hedgeAfterSeconds'?: (number | string);
  /**
   * The form of the text that the service gets; if unset, the one that it describes.
   */
  'textForm'?: (_gapo_reward_v1_TextFormInput);
  /**
   * What its scores, or what noise and threshold make of them, are multiplied by in training; 1 if unset.
   */
  'scale'?: (number | string);
  /**
   * The standard deviation of normal noise that training adds to each score; none if unset.
   */
  'noise'?: (number | string);
  /**
   * Training gets 1 for a score of at least this, else 0; the score itself if unset.
   */
  'threshold'?: (number | string);
  '_timeoutSeconds'?: "timeoutSeconds";
  '_hedgeAfterSeconds'?: "hedgeAfterSeconds";
  '_scale'?: "scale";
  '_noise'?: "noise";
  '_threshold'?: "threshold";
}

/**
 * An objective, as in a run configuration.
 */
export interface Objective {
  /**
   * The name in reports, events and combinations; its reward service must report the same name.
   */
  'name': (string);
  /**
   * The reward service: a name that the coordinator's REWARD_SERVICES resolves, or host:port. The objective's name if empty.
   */
  'service': (string);
  /**
   * What happens when a completion has no score.
   */
  'onFailure': (_gapo_training_v1_FailurePolicy);
  /**
   * Deadline of one Score call, in seconds; 30 if unset.
   */
  'timeoutSeconds'?: (number);
  /**
   * Seconds after which an unanswered call is hedged with a second one; never if unset.
   */
  'hedgeAfterSeconds'?: (number);
  /**
   * The form of the text that the service gets; if unset, the one that it describes.
   */
  'textForm': (_gapo_reward_v1_TextForm);
  /**
   * What its scores, or what noise and threshold make of them, are multiplied by in training; 1 if unset.
   */
  'scale'?: (number);
  /**
   * The standard deviation of normal noise that training adds to each score; none if unset.
   */
  'noise'?: (number);
  /**
   * Training gets 1 for a score of at least this, else 0; the score itself if unset.
   */
  'threshold'?: (number);
  '_timeoutSeconds'?: "timeoutSeconds";
  '_hedgeAfterSeconds'?: "hedgeAfterSeconds";
  '_scale'?: "scale";
  '_noise'?: "noise";
  '_threshold'?: "threshold";
}
