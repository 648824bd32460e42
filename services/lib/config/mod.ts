/**
 * The configuration files: run.yaml with its schema, defaults, checks and generated documentation, and rewards.yaml with the
 * kinds of rewards.
 */
export { columnMap } from './data/dataSettings.js';
export {
  checkCombination,
  combinerSettings,
  combineSchema,
  steered,
  steeringNumbers,
  type CombinationConfig,
  type CombineConfig,
} from './run/combine.js';
export {
  conditionOf,
  conditionSchema,
  conditionText,
  conditionerOf,
  type Condition,
  type Conditioner,
} from './run/condition.js';
export {
  checkObjectives,
  objective,
  objectiveConfig,
  withService,
  type ObjectiveConfig,
  type ServiceNames,
} from './run/objectives.js';
export { textForm, type TextForm } from './textForm.js';
export { recoveryDefaults, type Recovery } from './run/recovery.js';
export { servedLogprobGap, stalenessOf, type LogprobGapLimits } from './run/rollout.js';
export { sampleLimits, type SampleLimits } from './run/samples.js';
export { checkWeighting, type WeightingConfig } from './run/weighting.js';
export { updatesPerStep } from './run/optimizer.js';
export { runConfigJsonSchema } from './run/jsonSchema.js';
export { finetuningKeys, finetuningSettings, type FinetuningSettings } from './training/finetuningSettings.js';
export { fitKeys, fitSettings, type FitSettings } from './training/fitSettings.js';
export { adapterSettings, trainingSettings } from './training/trainingSettings.js';
export { asWritten, objectiveNames, parseRunConfig, type RunConfig } from './run/runConfig.js';
export {
  directoryWith,
  fileWith,
  pathTarget,
  rewardKind,
  variableOf,
  type PathTarget,
  type RewardKind,
  type RewardKinds,
  type Schemas,
} from './rewards/rewardKind.js';
export { rewardKinds } from './rewards/rewardKinds.js';
export {
  readRewardsFile,
  rewardEnvironment,
  rewardsFileSchema,
  textVariable,
  type RewardEntry,
} from './rewards/rewardsFile.js';
export { requireOwnTokens } from './rewards/ownTokens.js';
export { tokenKeys } from './rewards/token.js';
export { servedSource, sourceForms, type ServedSource, type SourceForm } from './rewards/servedSource.js';
