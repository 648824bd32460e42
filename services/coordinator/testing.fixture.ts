/** `@gapo/coordinator/testing`, for the tests of other packages: runs and checkpoints as files. */
export { createPlatform, type Platform } from './runs/platform.js';
export { AuditLog } from './runs/auditLog.js';
export { Runs } from './runs/runs.js';
export { RewardSource } from './scoring/rewardSource.js';
export { atOnce, scoreItems } from './scoring/scoring.js';
export { coordinatorSettings } from './settings.js';
export { readCheckpoint, writeCheckpoint, type CheckpointOwner } from './state/checkpoint.js';
export { initialState } from './state/trainingState.js';
export { MlflowStandIn, readRecording, writeRecording, type Exchange } from './tracking/mlflow/exchanges.fixture.js';
export { playScenario } from './tracking/mlflow/scenario.fixture.js';
