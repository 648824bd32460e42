// Original file: gapo/training/v1/evaluation.proto

import type { EvaluationReportInput as _gapo_training_v1_EvaluationReportInput, EvaluationReport as _gapo_training_v1_EvaluationReport } from '../../../gapo/training/v1/EvaluationReport.js';

/**
 * Response with a run's evaluations.
 */
export interface ListEvaluationsResponseInput {
  /**
   * By version, ascending, then by the preference that the policy was given. If a version was evaluated again with the same preference,
   * only the last report.
   */
  'reports'?: (_gapo_training_v1_EvaluationReportInput)[];
}

/**
 * Response with a run's evaluations.
 */
export interface ListEvaluationsResponse {
  /**
   * By version, ascending, then by the preference that the policy was given. If a version was evaluated again with the same preference,
   * only the last report.
   */
  'reports': (_gapo_training_v1_EvaluationReport)[];
}
