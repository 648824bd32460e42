// Original file: gapo/training/v1/training.proto

import type { IntervalInput as _gapo_training_v1_IntervalInput, Interval as _gapo_training_v1_Interval } from '../../../gapo/training/v1/Interval.js';

/**
 * One objective, before and after.
 */
export interface ObjectiveEvaluationInput {
  /**
   * The objective's name.
   */
  'name'?: (string);
  /**
   * The starting policy's mean reward.
   */
  'before'?: (_gapo_training_v1_IntervalInput | null);
  /**
   * The evaluated policy's mean reward.
   */
  'after'?: (_gapo_training_v1_IntervalInput | null);
  /**
   * The mean of the paired difference, prompt by prompt.
   */
  'difference'?: (_gapo_training_v1_IntervalInput | null);
  /**
   * How often the evaluated policy's completion scores higher on the same prompt; ties count half.
   */
  'winRate'?: (_gapo_training_v1_IntervalInput | null);
  /**
   * The share of completions at or over the service's threshold before; unset where it has none.
   */
  'acceptableBefore'?: (_gapo_training_v1_IntervalInput | null);
  /**
   * The same after.
   */
  'acceptableAfter'?: (_gapo_training_v1_IntervalInput | null);
  '_acceptableBefore'?: "acceptableBefore";
  '_acceptableAfter'?: "acceptableAfter";
}

/**
 * One objective, before and after.
 */
export interface ObjectiveEvaluation {
  /**
   * The objective's name.
   */
  'name': (string);
  /**
   * The starting policy's mean reward.
   */
  'before': (_gapo_training_v1_Interval | null);
  /**
   * The evaluated policy's mean reward.
   */
  'after': (_gapo_training_v1_Interval | null);
  /**
   * The mean of the paired difference, prompt by prompt.
   */
  'difference': (_gapo_training_v1_Interval | null);
  /**
   * How often the evaluated policy's completion scores higher on the same prompt; ties count half.
   */
  'winRate': (_gapo_training_v1_Interval | null);
  /**
   * The share of completions at or over the service's threshold before; unset where it has none.
   */
  'acceptableBefore'?: (_gapo_training_v1_Interval | null);
  /**
   * The same after.
   */
  'acceptableAfter'?: (_gapo_training_v1_Interval | null);
  '_acceptableBefore'?: "acceptableBefore";
  '_acceptableAfter'?: "acceptableAfter";
}
