// Original file: gapo/training/v1/training.proto

import type { RunInput as _gapo_training_v1_RunInput, Run as _gapo_training_v1_Run } from '../../../gapo/training/v1/Run.js';
import type { StepReportInput as _gapo_training_v1_StepReportInput, StepReport as _gapo_training_v1_StepReport } from '../../../gapo/training/v1/StepReport.js';
import type { ProgressInput as _gapo_training_v1_ProgressInput, Progress as _gapo_training_v1_Progress } from '../../../gapo/training/v1/Progress.js';

/**
 * One event of a watched run.
 */
export interface WatchRunResponseInput {
  /**
   * The run: sent first, and at every change of its state, objectives or preference.
   */
  'run'?: (_gapo_training_v1_RunInput | null);
  /**
   * A step was taken.
   */
  'step'?: (_gapo_training_v1_StepReportInput | null);
  /**
   * Progress within a step.
   */
  'progress'?: (_gapo_training_v1_ProgressInput | null);
  /**
   * The event.
   */
  'event'?: "run"|"step"|"progress";
}

/**
 * One event of a watched run.
 */
export interface WatchRunResponse {
  /**
   * The run: sent first, and at every change of its state, objectives or preference.
   */
  'run'?: (_gapo_training_v1_Run | null);
  /**
   * A step was taken.
   */
  'step'?: (_gapo_training_v1_StepReport | null);
  /**
   * Progress within a step.
   */
  'progress'?: (_gapo_training_v1_Progress | null);
  /**
   * The event.
   */
  'event'?: "run"|"step"|"progress";
}
