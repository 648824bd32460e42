/**
 * The common parts of the rollout and gradient workers: policy versions, models, and the process around the computation.
 */
export type { Environment } from './environment.js';
export { identified, ownIdentity, type WorkerIdentity } from './identity.js';
export {
  EngineHolder,
  ModelStore,
  type Computation,
  type EngineKey,
  type ModelKey,
  type ModelPlaces,
  readAgreedModel,
} from './models.js';
export { requestedPolicy, type RequestedPolicy } from './policySpec.js';
export { threadSettings, type TensorThreadSettings } from './threadSettings.js';
export { VersionStore, type HeldVersion } from './versions.js';
export { tensorBackend, type TensorService } from './tensorBackend.js';
export { type Backend, type OpenBackend, runWorker, type Worker, type WorkerSettings } from './workerService.js';
