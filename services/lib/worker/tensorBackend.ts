/** A worker that computes in its own tensor thread. */
import type { Implementation } from '@gapo/rpc';
import { type ThreadTasks, WorkerThread } from '@gapo/service';
import { ownEnvironment } from './environment.js';
import { ownIdentity } from './identity.js';
import type { TensorThreadSettings } from './threadSettings.js';
import type { VersionStore } from './versions.js';
import type { OpenBackend } from './workerService.js';

/** The service of a worker with a tensor thread. */
export interface TensorService<Tasks extends ThreadTasks> {
  /** The compiled module of its tensor thread, which exports the tasks. */
  readonly thread: URL;
  /** Creates the service, which gets versions from the store and runs its tasks in the thread. */
  readonly service: (versions: VersionStore, thread: WorkerThread<Tasks>) => Implementation;
}

/** Computes with a tensor thread in this process. */
export function tensorBackend<Tasks extends ThreadTasks>({
  thread: module,
  service,
}: TensorService<Tasks>): OpenBackend {
  return ({ THREADS, DEVICE, MODEL_ROOT, MODEL_CACHE }, { versions, instance }) => {
    const forThread: TensorThreadSettings = {
      threads: THREADS,
      device: DEVICE,
      modelRoot: MODEL_ROOT,
      modelCache: MODEL_CACHE,
    };
    const thread = new WorkerThread<Tasks>(module, forThread);
    const identity = ownIdentity(instance, module, (runtime) => ownEnvironment(forThread, runtime));
    return {
      service: service(versions, thread),
      identity: () => identity,
      close: () => thread.close(),
    };
  };
}
