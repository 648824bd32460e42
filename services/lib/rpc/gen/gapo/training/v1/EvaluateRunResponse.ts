// Original file: gapo/training/v1/training.proto

import type { ProgressInput as _gapo_training_v1_ProgressInput, Progress as _gapo_training_v1_Progress } from '../../../gapo/training/v1/Progress.js';
import type { EvaluationReportInput as _gapo_training_v1_EvaluationReportInput, EvaluationReport as _gapo_training_v1_EvaluationReport } from '../../../gapo/training/v1/EvaluationReport.js';

/**
 * Progress, then the report.
 */
export interface EvaluateRunResponseInput {
  /**
   * How far it is.
   */
  'progress'?: (_gapo_training_v1_ProgressInput | null);
  /**
   * The result.
   */
  'report'?: (_gapo_training_v1_EvaluationReportInput | null);
  /**
   * Progress while it runs, the report last.
   */
  'event'?: "progress"|"report";
}

/**
 * Progress, then the report.
 */
export interface EvaluateRunResponse {
  /**
   * How far it is.
   */
  'progress'?: (_gapo_training_v1_Progress | null);
  /**
   * The result.
   */
  'report'?: (_gapo_training_v1_EvaluationReport | null);
  /**
   * Progress while it runs, the report last.
   */
  'event'?: "progress"|"report";
}
