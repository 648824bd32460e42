// Original file: gapo/training/v1/training.proto

import type { GeneratedCompletionInput as _gapo_training_v1_GeneratedCompletionInput, GeneratedCompletion as _gapo_training_v1_GeneratedCompletion } from '../../../gapo/training/v1/GeneratedCompletion.js';
import type { Long } from '@grpc/proto-loader';

/**
 * Response with completions.
 */
export interface GenerateCompletionsResponseInput {
  /**
   * The version that sampled.
   */
  'version'?: (number | string | Long);
  /**
   * The preference that the policy was given, by objective; empty if it is given none.
   */
  'preference'?: ({[key: string]: number | string});
  /**
   * The completions, by prompt, then by sample.
   */
  'completions'?: (_gapo_training_v1_GeneratedCompletionInput)[];
}

/**
 * Response with completions.
 */
export interface GenerateCompletionsResponse {
  /**
   * The version that sampled.
   */
  'version': (number);
  /**
   * The preference that the policy was given, by objective; empty if it is given none.
   */
  'preference': ({[key: string]: number});
  /**
   * The completions, by prompt, then by sample.
   */
  'completions': (_gapo_training_v1_GeneratedCompletion)[];
}
