// Original file: gapo/gradient/v1/gradient.proto

import type { GradientSourceInput as _gapo_gradient_v1_GradientSourceInput, GradientSource as _gapo_gradient_v1_GradientSource } from '../../../gapo/gradient/v1/GradientSource.js';
import type { Long } from '@grpc/proto-loader';

/**
 * The surrogate and its regularisers.
 */
export interface LossSpecInput {
  /**
   * PPO's clip range ε: the ratio is held within [1 − ε, 1 + ε].
   */
  'clipRange'?: (number | string);
  /**
   * Coefficient of the k2 loss ½(log π − log π_ref)² in the regulariser's gradient; 0 leaves it out.
   */
  'klCoefficient'?: (number | string);
  /**
   * Coefficient of the entropy bonus in the regulariser's gradient; 0 leaves it out.
   */
  'entropyCoefficient'?: (number | string);
  /**
   * Coefficient of the value loss ½(V − R)²; 0 where there are no value heads.
   */
  'valueCoefficient'?: (number | string);
  /**
   * The value is held within this distance of the old value; 0 leaves it free.
   */
  'valueClip'?: (number | string);
  /**
   * Divides every sum over tokens: the completion tokens of the whole batch, all shards, so that shards add up.
   */
  'denominator'?: (number | string);
  /**
   * Names of the objectives, in the order of every K below.
   */
  'objectives'?: (string)[];
  /**
   * The temperature that sampled the sequences: the logits are divided by it. Greater than 0.
   */
  'temperature'?: (number | string);
  /**
   * What of the objectives' gradients is wanted. The regularisers' gradient is always exact, and only with EXACT.
   */
  'source'?: (_gapo_gradient_v1_GradientSourceInput);
  /**
   * Dimensions of PROJECTION; more are nearer to exact.
   */
  'projectionDimensions'?: (number);
  /**
   * Seed of PROJECTION's signs.
   */
  'projectionSeed'?: (number | string | Long);
}

/**
 * The surrogate and its regularisers.
 */
export interface LossSpec {
  /**
   * PPO's clip range ε: the ratio is held within [1 − ε, 1 + ε].
   */
  'clipRange': (number);
  /**
   * Coefficient of the k2 loss ½(log π − log π_ref)² in the regulariser's gradient; 0 leaves it out.
   */
  'klCoefficient': (number);
  /**
   * Coefficient of the entropy bonus in the regulariser's gradient; 0 leaves it out.
   */
  'entropyCoefficient': (number);
  /**
   * Coefficient of the value loss ½(V − R)²; 0 where there are no value heads.
   */
  'valueCoefficient': (number);
  /**
   * The value is held within this distance of the old value; 0 leaves it free.
   */
  'valueClip': (number);
  /**
   * Divides every sum over tokens: the completion tokens of the whole batch, all shards, so that shards add up.
   */
  'denominator': (number);
  /**
   * Names of the objectives, in the order of every K below.
   */
  'objectives': (string)[];
  /**
   * The temperature that sampled the sequences: the logits are divided by it. Greater than 0.
   */
  'temperature': (number);
  /**
   * What of the objectives' gradients is wanted. The regularisers' gradient is always exact, and only with EXACT.
   */
  'source': (_gapo_gradient_v1_GradientSource);
  /**
   * Dimensions of PROJECTION; more are nearer to exact.
   */
  'projectionDimensions': (number);
  /**
   * Seed of PROJECTION's signs.
   */
  'projectionSeed': (number);
}
