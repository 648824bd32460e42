// Original file: gapo/training/v1/evaluation.proto

import type { ObjectiveEvaluationInput as _gapo_training_v1_ObjectiveEvaluationInput, ObjectiveEvaluation as _gapo_training_v1_ObjectiveEvaluation } from '../../../gapo/training/v1/ObjectiveEvaluation.js';
import type { EvaluationSampleInput as _gapo_training_v1_EvaluationSampleInput, EvaluationSample as _gapo_training_v1_EvaluationSample } from '../../../gapo/training/v1/EvaluationSample.js';
import type { IntervalInput as _gapo_training_v1_IntervalInput, Interval as _gapo_training_v1_Interval } from '../../../gapo/training/v1/Interval.js';
import type { Long } from '@grpc/proto-loader';

/**
 * The result of an evaluation on held-out prompts.
 */
export interface EvaluationReportInput {
  /**
   * The version that was evaluated.
   */
  'version'?: (number | string | Long);
  /**
   * Number of held-out prompts.
   */
  'prompts'?: (number);
  /**
   * One for each objective, in order.
   */
  'objectives'?: (_gapo_training_v1_ObjectiveEvaluationInput)[];
  /**
   * The requested sample prompts.
   */
  'samples'?: (_gapo_training_v1_EvaluationSampleInput)[];
  /**
   * Share of prompts on which the evaluated policy wins by the mean z-score over all objectives; ties count half.
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
  /**
   * The id of the run.
   */
  'runId'?: (string);
  /**
   * The preference that the evaluated policy was given, by objective; empty if it is given none.
   */
  'preference'?: ({[key: string]: number | string});
}

/**
 * The result of an evaluation on held-out prompts.
 */
export interface EvaluationReport {
  /**
   * The version that was evaluated.
   */
  'version': (number);
  /**
   * Number of held-out prompts.
   */
  'prompts': (number);
  /**
   * One for each objective, in order.
   */
  'objectives': (_gapo_training_v1_ObjectiveEvaluation)[];
  /**
   * The requested sample prompts.
   */
  'samples': (_gapo_training_v1_EvaluationSample)[];
  /**
   * Share of prompts on which the evaluated policy wins by the mean z-score over all objectives; ties count half.
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
  /**
   * The id of the run.
   */
  'runId': (string);
  /**
   * The preference that the evaluated policy was given, by objective; empty if it is given none.
   */
  'preference': ({[key: string]: number});
}
