// Original file: gapo/reward/v1/reward.proto

import type { OrientationInput as _gapo_reward_v1_OrientationInput, Orientation as _gapo_reward_v1_Orientation } from '../../../gapo/reward/v1/Orientation.js';
import type { InputKindInput as _gapo_reward_v1_InputKindInput, InputKind as _gapo_reward_v1_InputKind } from '../../../gapo/reward/v1/InputKind.js';
import type { TextFormInput as _gapo_reward_v1_TextFormInput, TextForm as _gapo_reward_v1_TextForm } from '../../../gapo/reward/v1/TextForm.js';

/**
 * The service's description.
 */
export interface DescribeResponseInput {
  /**
   * The objective's name, such as helpful. Runs refer to it and reject a service with a different objective.
   */
  'objective'?: (string);
  /**
   * What computes the score, for display, such as "onnx: helpful-classifier".
   */
  'model'?: (string);
  /**
   * Changes whenever the same item may get a different score; scores are cached under it.
   */
  'version'?: (string);
  /**
   * Whether more is better.
   */
  'orientation'?: (_gapo_reward_v1_OrientationInput);
  /**
   * The smallest possible score, if bounded.
   */
  'minimum'?: (number | string);
  /**
   * The largest possible score, if bounded.
   */
  'maximum'?: (number | string);
  /**
   * The score from which a completion counts as acceptable, if the service defines one.
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
   * The largest encoded ScoreRequest that the service accepts, in bytes; the caller splits larger ones. 0: not stated, and requests stay
   * below 3 MiB, because many servers accept at most 4 MiB.
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
   * The objective's name, such as helpful. Runs refer to it and reject a service with a different objective.
   */
  'objective': (string);
  /**
   * What computes the score, for display, such as "onnx: helpful-classifier".
   */
  'model': (string);
  /**
   * Changes whenever the same item may get a different score; scores are cached under it.
   */
  'version': (string);
  /**
   * Whether more is better.
   */
  'orientation': (_gapo_reward_v1_Orientation);
  /**
   * The smallest possible score, if bounded.
   */
  'minimum'?: (number);
  /**
   * The largest possible score, if bounded.
   */
  'maximum'?: (number);
  /**
   * The score from which a completion counts as acceptable, if the service defines one.
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
   * The largest encoded ScoreRequest that the service accepts, in bytes; the caller splits larger ones. 0: not stated, and requests stay
   * below 3 MiB, because many servers accept at most 4 MiB.
   */
  'maxBytes': (number);
  '_minimum'?: "minimum";
  '_maximum'?: "maximum";
  '_threshold'?: "threshold";
}
