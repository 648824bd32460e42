// Original file: gapo/reward/v1/reward.proto

import type { OrientationInput as _gapo_reward_v1_OrientationInput, Orientation as _gapo_reward_v1_Orientation } from '../../../gapo/reward/v1/Orientation.js';
import type { InputKindInput as _gapo_reward_v1_InputKindInput, InputKind as _gapo_reward_v1_InputKind } from '../../../gapo/reward/v1/InputKind.js';
import type { TextFormInput as _gapo_reward_v1_TextFormInput, TextForm as _gapo_reward_v1_TextForm } from '../../../gapo/reward/v1/TextForm.js';

/**
 * The service's description.
 */
export interface DescribeResponseInput {
  /**
   * The objective's name, such as helpful. Runs refer to it, and reject a service with another objective.
   */
  'objective'?: (string);
  /**
   * What computes the score, for display, such as "onnx: helpful-classifier".
   */
  'model'?: (string);
  /**
   * Changes whenever the same item may get another score; scores are cached by it.
   */
  'version'?: (string);
  /**
   * Whether more is better.
   */
  'orientation'?: (_gapo_reward_v1_OrientationInput);
  /**
   * The smallest score possible, where bounded.
   */
  'minimum'?: (number | string);
  /**
   * The largest score possible, where bounded.
   */
  'maximum'?: (number | string);
  /**
   * The score from which a completion counts as acceptable, where the service has such a notion.
   */
  'threshold'?: (number | string);
  /**
   * The largest number of items in a Score call.
   */
  'maxBatch'?: (number);
  /**
   * The longest prompt plus completion, in the service's own tokens; longer items are cut or refused, as the service documents. 0: unlimited.
   */
  'maxTokens'?: (number);
  /**
   * What an item carries.
   */
  'input'?: (_gapo_reward_v1_InputKindInput);
  /**
   * The form of the text that the service scores. A run may ask for the other one.
   */
  'textForm'?: (_gapo_reward_v1_TextFormInput);
  /**
   * The largest ScoreRequest that the service receives, encoded, in bytes; the caller splits larger ones. 0: not stated, and requests stay
   * below 3 MiB, because many servers receive 4 MiB at most.
   */
  'maxBytes'?: (number);
  '_minimum'?: "minimum";
  '_maximum'?: "maximum";
  '_threshold'?: "threshold";
}

/**
 * The service's description.
 */
export interface DescribeResponse {
  /**
   * The objective's name, such as helpful. Runs refer to it, and reject a service with another objective.
   */
  'objective': (string);
  /**
   * What computes the score, for display, such as "onnx: helpful-classifier".
   */
  'model': (string);
  /**
   * Changes whenever the same item may get another score; scores are cached by it.
   */
  'version': (string);
  /**
   * Whether more is better.
   */
  'orientation': (_gapo_reward_v1_Orientation);
  /**
   * The smallest score possible, where bounded.
   */
  'minimum'?: (number);
  /**
   * The largest score possible, where bounded.
   */
  'maximum'?: (number);
  /**
   * The score from which a completion counts as acceptable, where the service has such a notion.
   */
  'threshold'?: (number);
  /**
   * The largest number of items in a Score call.
   */
  'maxBatch': (number);
  /**
   * The longest prompt plus completion, in the service's own tokens; longer items are cut or refused, as the service documents. 0: unlimited.
   */
  'maxTokens': (number);
  /**
   * What an item carries.
   */
  'input': (_gapo_reward_v1_InputKind);
  /**
   * The form of the text that the service scores. A run may ask for the other one.
   */
  'textForm': (_gapo_reward_v1_TextForm);
  /**
   * The largest ScoreRequest that the service receives, encoded, in bytes; the caller splits larger ones. 0: not stated, and requests stay
   * below 3 MiB, because many servers receive 4 MiB at most.
   */
  'maxBytes': (number);
  '_minimum'?: "minimum";
  '_maximum'?: "maximum";
  '_threshold'?: "threshold";
}
