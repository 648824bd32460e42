// Original file: gapo/training/v1/evaluation.proto

import type { IntervalInput as _gapo_training_v1_IntervalInput, Interval as _gapo_training_v1_Interval } from '../../../gapo/training/v1/Interval.js';

/**
 * One objective's rewards before and after training.
 */
export interface ObjectiveEvaluationInput {
  /**
   * The objective's name.
   */
  'name'?: (string);
  /**
   * Mean reward of the starting policy.
   */
  'before'?: (_gapo_training_v1_IntervalInput | null);
  /**
   * Mean reward of the evaluated policy.
   */
  'after'?: (_gapo_training_v1_IntervalInput | null);
  /**
   * Mean of the differences, paired by prompt.
   */
  'difference'?: (_gapo_training_v1_IntervalInput | null);
  /**
   * Share of prompts on which the evaluated policy's completion scores higher; ties count half.
   */
  'winRate'?: (_gapo_training_v1_IntervalInput | null);
  /**
   * Share of the starting policy's completions at or above the service's threshold; unset if the service has none.
   */
  'acceptableBefore'?: (_gapo_training_v1_IntervalInput | null);
  /**
   * The same share for the evaluated policy.
   */
  'acceptableAfter'?: (_gapo_training_v1_IntervalInput | null);
  '_acceptableBefore'?: "acceptableBefore";
  '_acceptableAfter'?: "acceptableAfter";
}

/**
 * One objective's rewards before and after training.
 */
export interface ObjectiveEvaluation {
  /**
   * The objective's name.
   */
  'name': (string);
  /**
   * Mean reward of the starting policy.
   */
  'before': (_gapo_training_v1_Interval | null);
  /**
   * Mean reward of the evaluated policy.
   */
  'after': (_gapo_training_v1_Interval | null);
  /**
   * Mean of the differences, paired by prompt.
   */
  'difference': (_gapo_training_v1_Interval | null);
  /**
   * Share of prompts on which the evaluated policy's completion scores higher; ties count half.
   */
  'winRate': (_gapo_training_v1_Interval | null);
  /**
   * Share of the starting policy's completions at or above the service's threshold; unset if the service has none.
   */
  'acceptableBefore'?: (_gapo_training_v1_Interval | null);
  /**
   * The same share for the evaluated policy.
   */
  'acceptableAfter'?: (_gapo_training_v1_Interval | null);
  '_acceptableBefore'?: "acceptableBefore";
  '_acceptableAfter'?: "acceptableAfter";
}
