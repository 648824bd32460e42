// Original file: gapo/training/v1/evaluation.proto

import type { Long } from '@grpc/proto-loader';

/**
 * Request to evaluate a run.
 */
export interface EvaluateRunRequestInput {
  /**
   * The run's id.
   */
  'runId'?: (string);
  /**
   * The version to evaluate; the newest if unset.
   */
  'version'?: (number | string | Long);
  /**
   * Number of sample prompts to return, with completions before and after.
   */
  'samples'?: (number);
  /**
   * The preference to give to a preference-conditioned policy: shares from 0 to 1, by objective. Objectives without a share split the
   * rest equally. Empty: the configured preference. Shares are rounded to the levels of `policy.condition`.
   */
  'preference'?: ({[key: string]: number | string});
  '_version'?: "version";
}

/**
 * Request to evaluate a run.
 */
export interface EvaluateRunRequest {
  /**
   * The run's id.
   */
  'runId': (string);
  /**
   * The version to evaluate; the newest if unset.
   */
  'version'?: (number);
  /**
   * Number of sample prompts to return, with completions before and after.
   */
  'samples': (number);
  /**
   * The preference to give to a preference-conditioned policy: shares from 0 to 1, by objective. Objectives without a share split the
   * rest equally. Empty: the configured preference. Shares are rounded to the levels of `policy.condition`.
   */
  'preference': ({[key: string]: number});
  '_version'?: "version";
}
