/** The role that each method of the coordinator's TrainingService needs. */
import type { MethodName } from '@gapo/rpc';
import type { AccessRole } from './roles.js';

/** By method. ResumeRun with `accept_changed_inputs` needs `admin`. */
export const trainingRoles: Readonly<Record<MethodName<'gapo.training.v1.TrainingService'>, AccessRole>> = {
  GetRun: 'viewer',
  ListRuns: 'viewer',
  WatchRun: 'viewer',
  GetAudit: 'viewer',
  GetCaller: 'viewer',
  ListEvaluations: 'viewer',
  ListSamples: 'viewer',
  GetSample: 'viewer',
  CreateRun: 'operator',
  PauseRun: 'operator',
  ResumeRun: 'operator',
  SetPreference: 'operator',
  ChangeObjectives: 'operator',
  CreateSoup: 'operator',
  CancelRun: 'operator',
  EvaluateRun: 'operator',
  GenerateCompletions: 'operator',
};
