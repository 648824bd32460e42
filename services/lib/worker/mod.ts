/** The common parts of the rollout and gradient workers: policy versions, models, and the process around the tensor thread. */
export { identified, ownIdentity, type WorkerIdentity } from './identity.js';
export { EngineHolder, ModelStore, type Computation, type EngineKey, type ModelPlaces } from './models.js';
export { requestedPolicy, type RequestedPolicy } from './policySpec.js';
export { threadSettings, type TensorThreadSettings } from './threadSettings.js';
export { VersionStore, type HeldVersion } from './versions.js';
export { runWorker, type Worker } from './workerService.js';
