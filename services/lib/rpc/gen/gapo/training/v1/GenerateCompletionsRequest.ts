// Original file: gapo/training/v1/training.proto

import type { Long } from '@grpc/proto-loader';

/**
 * Request for completions.
 */
export interface GenerateCompletionsRequestInput {
  /**
   * The run's id.
   */
  'runId'?: (string);
  /**
   * The version that samples; the newest if unset.
   */
  'version'?: (number | string | Long);
  /**
   * The prompts, each a user turn: 1 to 256.
   */
  'prompts'?: (string)[];
  /**
   * Completions of each prompt, at most 64; 1 if 0. At most 1,024 completions in all.
   */
  'samplesPerPrompt'?: (number);
  /**
   * The preference that the policy is given, as in EvaluateRunRequest.
   */
  'preference'?: ({[key: string]: number | string});
  /**
   * Divides the logits; if unset, the temperature of the run's evaluations. 0: the most probable token each time.
   */
  'temperature'?: (number | string);
  /**
   * Seed of the completions.
   */
  'seed'?: (number | string | Long);
  '_version'?: "version";
  '_temperature'?: "temperature";
}

/**
 * Request for completions.
 */
export interface GenerateCompletionsRequest {
  /**
   * The run's id.
   */
  'runId': (string);
  /**
   * The version that samples; the newest if unset.
   */
  'version'?: (number);
  /**
   * The prompts, each a user turn: 1 to 256.
   */
  'prompts': (string)[];
  /**
   * Completions of each prompt, at most 64; 1 if 0. At most 1,024 completions in all.
   */
  'samplesPerPrompt': (number);
  /**
   * The preference that the policy is given, as in EvaluateRunRequest.
   */
  'preference': ({[key: string]: number});
  /**
   * Divides the logits; if unset, the temperature of the run's evaluations. 0: the most probable token each time.
   */
  'temperature'?: (number);
  /**
   * Seed of the completions.
   */
  'seed': (number);
  '_version'?: "version";
  '_temperature'?: "temperature";
}
