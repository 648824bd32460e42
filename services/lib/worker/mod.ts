/** What the rollout and gradient workers have in common: policy versions, models, and the thread that runs tensors. */
export { EngineHolder, ModelStore, type Computation, type EngineKey, type ModelPlaces } from './models.js';
export { requestedPolicy, type RequestedPolicy } from './policySpec.js';
export { threadSettings, type TensorThreadSettings } from './threadSettings.js';
export { VersionStore, type HeldVersion } from './versions.js';
export { runWorker, type Worker } from './workerService.js';
