// Original file: gapo/training/v1/training.proto

import type { RunInput as _gapo_training_v1_RunInput, Run as _gapo_training_v1_Run } from '../../../gapo/training/v1/Run.js';
import type { StepReportInput as _gapo_training_v1_StepReportInput, StepReport as _gapo_training_v1_StepReport } from '../../../gapo/training/v1/StepReport.js';
import type { ProgressInput as _gapo_training_v1_ProgressInput, Progress as _gapo_training_v1_Progress } from '../../../gapo/training/v1/Progress.js';

/**
 * Something about the run.
 */
export interface WatchRunResponseInput {
  /**
   * The run's state, first and at every change.
   */
  'run'?: (_gapo_training_v1_RunInput | null);
  /**
   * A step was taken.
   */
  'step'?: (_gapo_training_v1_StepReportInput | null);
  /**
   * What the run is doing within a step, for a progress line.
   */
  'progress'?: (_gapo_training_v1_ProgressInput | null);
  /**
   * What happened.
   */
  'event'?: "run"|"step"|"progress";
}

/**
 * Something about the run.
 */
export interface WatchRunResponse {
  /**
   * The run's state, first and at every change.
   */
  'run'?: (_gapo_training_v1_Run | null);
  /**
   * A step was taken.
   */
  'step'?: (_gapo_training_v1_StepReport | null);
  /**
   * What the run is doing within a step, for a progress line.
   */
  'progress'?: (_gapo_training_v1_Progress | null);
  /**
   * What happened.
   */
  'event'?: "run"|"step"|"progress";
}
