// Original file: gapo/training/v1/evaluation.proto

import type { ProgressInput as _gapo_training_v1_ProgressInput, Progress as _gapo_training_v1_Progress } from '../../../gapo/training/v1/Progress.js';
import type { EvaluationReportInput as _gapo_training_v1_EvaluationReportInput, EvaluationReport as _gapo_training_v1_EvaluationReport } from '../../../gapo/training/v1/EvaluationReport.js';

/**
 * One event of an evaluation.
 */
export interface EvaluateRunResponseInput {
  /**
   * Progress of the evaluation.
   */
  'progress'?: (_gapo_training_v1_ProgressInput | null);
  /**
   * The result, sent last.
   */
  'report'?: (_gapo_training_v1_EvaluationReportInput | null);
  /**
   * The event: progress while the evaluation runs, then the report.
   */
  'event'?: "progress"|"report";
}

/**
 * One event of an evaluation.
 */
export interface EvaluateRunResponse {
  /**
   * Progress of the evaluation.
   */
  'progress'?: (_gapo_training_v1_Progress | null);
  /**
   * The result, sent last.
   */
  'report'?: (_gapo_training_v1_EvaluationReport | null);
  /**
   * The event: progress while the evaluation runs, then the report.
   */
  'event'?: "progress"|"report";
}
