// Original file: gapo/training/v1/training.proto

import type { ObjectiveEvaluationInput as _gapo_training_v1_ObjectiveEvaluationInput, ObjectiveEvaluation as _gapo_training_v1_ObjectiveEvaluation } from '../../../gapo/training/v1/ObjectiveEvaluation.js';
import type { EvaluationSampleInput as _gapo_training_v1_EvaluationSampleInput, EvaluationSample as _gapo_training_v1_EvaluationSample } from '../../../gapo/training/v1/EvaluationSample.js';
import type { IntervalInput as _gapo_training_v1_IntervalInput, Interval as _gapo_training_v1_Interval } from '../../../gapo/training/v1/Interval.js';
import type { Long } from '@grpc/proto-loader';

/**
 * The result of an evaluation.
 */
export interface EvaluationReportInput {
  /**
   * The version that was evaluated.
   */
  'version'?: (number | string | Long);
  /**
   * Held-out prompts.
   */
  'prompts'?: (number);
  /**
   * One for each objective, in order.
   */
  'objectives'?: (_gapo_training_v1_ObjectiveEvaluationInput)[];
  /**
   * A few prompts with both completions.
   */
  'samples'?: (_gapo_training_v1_EvaluationSampleInput)[];
  /**
   * How often the evaluated policy wins on every objective's mean z-score against the starting policy; ties count half.
   */
  'winRate'?: (_gapo_training_v1_IntervalInput | null);
  /**
   * Mean completion length in tokens before.
   */
  'lengthBefore'?: (number | string);
  /**
   * Mean completion length in tokens after.
   */
  'lengthAfter'?: (number | string);
}

/**
 * The result of an evaluation.
 */
export interface EvaluationReport {
  /**
   * The version that was evaluated.
   */
  'version': (number);
  /**
   * Held-out prompts.
   */
  'prompts': (number);
  /**
   * One for each objective, in order.
   */
  'objectives': (_gapo_training_v1_ObjectiveEvaluation)[];
  /**
   * A few prompts with both completions.
   */
  'samples': (_gapo_training_v1_EvaluationSample)[];
  /**
   * How often the evaluated policy wins on every objective's mean z-score against the starting policy; ties count half.
   */
  'winRate': (_gapo_training_v1_Interval | null);
  /**
   * Mean completion length in tokens before.
   */
  'lengthBefore': (number);
  /**
   * Mean completion length in tokens after.
   */
  'lengthAfter': (number);
}
