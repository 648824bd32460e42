/** The run configuration: its schema, its defaults, its checks, and the documentation that derives from them. */
export {
  checkCombination,
  combinerSettings,
  combineSchema,
  steered,
  steeringNumbers,
  type CombinationConfig,
  type CombineConfig,
} from './combineConfig.js';
export {
  checkObjectives,
  objective,
  objectiveConfig,
  withService,
  type ObjectiveConfig,
  type ServiceNames,
} from './objectiveConfig.js';
export { updatesPerStep } from './optimizerConfig.js';
export { runConfigJsonSchema } from './jsonSchema.js';
export { finetuningKeys, finetuningSettings, type FinetuningSettings } from './training/finetuningSettings.js';
export { fitKeys, fitSettings, type FitSettings } from './training/fitSettings.js';
export { adapterSettings, trainingSettings } from './training/trainingSettings.js';
export { asWritten, objectiveNames, parseRunConfig, type RunConfig } from './runConfig.js';
