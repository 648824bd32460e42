// Original file: gapo/training/v1/training.proto

import type { Long } from '@grpc/proto-loader';

/**
 * Asks for an evaluation.
 */
export interface EvaluateRunRequestInput {
  /**
   * The run's id.
   */
  'runId'?: (string);
  /**
   * The version to evaluate; the newest where unset.
   */
  'version'?: (number | string | Long);
  /**
   * How many sample prompts to return, with completions before and after.
   */
  'samples'?: (number);
  '_version'?: "version";
}

/**
 * Asks for an evaluation.
 */
export interface EvaluateRunRequest {
  /**
   * The run's id.
   */
  'runId': (string);
  /**
   * The version to evaluate; the newest where unset.
   */
  'version'?: (number);
  /**
   * How many sample prompts to return, with completions before and after.
   */
  'samples': (number);
  '_version'?: "version";
}
