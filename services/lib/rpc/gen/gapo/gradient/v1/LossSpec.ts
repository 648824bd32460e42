// Original file: gapo/gradient/v1/gradient.proto

import type { GradientSourceInput as _gapo_gradient_v1_GradientSourceInput, GradientSource as _gapo_gradient_v1_GradientSource } from '../../../gapo/gradient/v1/GradientSource.js';
import type { Long } from '@grpc/proto-loader';

/**
 * The surrogate and its regularizer.
 */
export interface LossSpecInput {
  /**
   * PPO's clip range ε: the importance ratio is clipped to [1 − ε, 1 + ε].
   */
  'clipRange'?: (number | string);
  /**
   * Coefficient of the k2 loss ½(log π − log π_ref)² in the regularizer's gradient; 0 omits it.
   */
  'klCoefficient'?: (number | string);
  /**
   * Coefficient of the entropy bonus in the regularizer's gradient; 0 omits it.
   */
  'entropyCoefficient'?: (number | string);
  /**
   * Coefficient of the value loss ½(V − R)²; 0 if there are no value heads.
   */
  'valueCoefficient'?: (number | string);
  /**
   * Clips the value to within this distance of the old value; 0 disables clipping.
   */
  'valueClip'?: (number | string);
  /**
   * Divides every sum over tokens: the completion tokens of the whole batch, so the gradients of shards add up.
   */
  'denominator'?: (number | string);
  /**
   * Names of the K objectives, in the order of every dimension K below.
   */
  'objectives'?: (string)[];
  /**
   * The temperature at which the sequences were sampled, which divides the logits. Greater than 0.
   */
  'temperature'?: (number | string);
  /**
   * What to compute of the objectives' gradients. The regularizer's gradient is exact, and computed only with EXACT.
   */
  'source'?: (_gapo_gradient_v1_GradientSourceInput);
  /**
   * Dimensions of PROJECTION; more are closer to exact.
   */
  'projectionDimensions'?: (number);
  /**
   * Seed of PROJECTION's signs.
   */
  'projectionSeed'?: (number | string | Long);
}

/**
 * The surrogate and its regularizer.
 */
export interface LossSpec {
  /**
   * PPO's clip range ε: the importance ratio is clipped to [1 − ε, 1 + ε].
   */
  'clipRange': (number);
  /**
   * Coefficient of the k2 loss ½(log π − log π_ref)² in the regularizer's gradient; 0 omits it.
   */
  'klCoefficient': (number);
  /**
   * Coefficient of the entropy bonus in the regularizer's gradient; 0 omits it.
   */
  'entropyCoefficient': (number);
  /**
   * Coefficient of the value loss ½(V − R)²; 0 if there are no value heads.
   */
  'valueCoefficient': (number);
  /**
   * Clips the value to within this distance of the old value; 0 disables clipping.
   */
  'valueClip': (number);
  /**
   * Divides every sum over tokens: the completion tokens of the whole batch, so the gradients of shards add up.
   */
  'denominator': (number);
  /**
   * Names of the K objectives, in the order of every dimension K below.
   */
  'objectives': (string)[];
  /**
   * The temperature at which the sequences were sampled, which divides the logits. Greater than 0.
   */
  'temperature': (number);
  /**
   * What to compute of the objectives' gradients. The regularizer's gradient is exact, and computed only with EXACT.
   */
  'source': (_gapo_gradient_v1_GradientSource);
  /**
   * Dimensions of PROJECTION; more are closer to exact.
   */
  'projectionDimensions': (number);
  /**
   * Seed of PROJECTION's signs.
   */
  'projectionSeed': (number);
}
