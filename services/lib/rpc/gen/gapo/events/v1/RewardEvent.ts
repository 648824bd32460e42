// Original file: gapo/events/v1/events.proto

import type { Long } from '@grpc/proto-loader';

/**
 * Data of `reward`: an objective scored a step's completions.
 */
export interface RewardEventInput {
  /**
   * The step.
   */
  'step'?: (number | string | Long);
  /**
   * The objective.
   */
  'objective'?: (string);
  /**
   * Mean of the scores.
   */
  'mean'?: (number | string);
  /**
   * Their standard deviation.
   */
  'std'?: (number | string);
  /**
   * Items without a score.
   */
  'failed'?: (number);
  /**
   * What the failures said, the first few.
   */
  'failures'?: (string)[];
  /**
   * Wall seconds.
   */
  'seconds'?: (number | string);
  /**
   * Scores that are far from all before them, the first few, each with its item.
   */
  'outliers'?: (string)[];
  /**
   * The address of the objective's reward service.
   */
  'service'?: (string);
}

/**
 * Data of `reward`: an objective scored a step's completions.
 */
export interface RewardEvent {
  /**
   * The step.
   */
  'step': (number);
  /**
   * The objective.
   */
  'objective': (string);
  /**
   * Mean of the scores.
   */
  'mean': (number);
  /**
   * Their standard deviation.
   */
  'std': (number);
  /**
   * Items without a score.
   */
  'failed': (number);
  /**
   * What the failures said, the first few.
   */
  'failures': (string)[];
  /**
   * Wall seconds.
   */
  'seconds': (number);
  /**
   * Scores that are far from all before them, the first few, each with its item.
   */
  'outliers': (string)[];
  /**
   * The address of the objective's reward service.
   */
  'service': (string);
}
