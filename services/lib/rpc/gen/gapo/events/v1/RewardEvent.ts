// Original file: gapo/events/v1/events.proto

import type { Long } from '@grpc/proto-loader';

/**
 * Data of `reward`: a reward service scored a step's completions.
 */
export interface RewardEventInput {
  /**
   * The step, from 1.
   */
  'step'?: (number | string | Long);
  /**
   * The name of the objective.
   */
  'objective'?: (string);
  /**
   * Mean of the scores; unset if nothing was scored.
   */
  'mean'?: (number | string);
  /**
   * Standard deviation of the scores; unset if nothing was scored.
   */
  'std'?: (number | string);
  /**
   * Completions without a score.
   */
  'failed'?: (number);
  /**
   * The first few failures, each with its completion.
   */
  'failures'?: (string)[];
  /**
   * Wall time in seconds.
   */
  'seconds'?: (number | string);
  /**
   * The first few outliers among the scores, each with its completion.
   */
  'outliers'?: (string)[];
  /**
   * The address of the reward service.
   */
  'service'?: (string);
  '_mean'?: "mean";
  '_std'?: "std";
}

/**
 * Data of `reward`: a reward service scored a step's completions.
 */
export interface RewardEvent {
  /**
   * The step, from 1.
   */
  'step': (number);
  /**
   * The name of the objective.
   */
  'objective': (string);
  /**
   * Mean of the scores; unset if nothing was scored.
   */
  'mean'?: (number);
  /**
   * Standard deviation of the scores; unset if nothing was scored.
   */
  'std'?: (number);
  /**
   * Completions without a score.
   */
  'failed': (number);
  /**
   * The first few failures, each with its completion.
   */
  'failures': (string)[];
  /**
   * Wall time in seconds.
   */
  'seconds': (number);
  /**
   * The first few outliers among the scores, each with its completion.
   */
  'outliers': (string)[];
  /**
   * The address of the reward service.
   */
  'service': (string);
  '_mean'?: "mean";
  '_std'?: "std";
}
