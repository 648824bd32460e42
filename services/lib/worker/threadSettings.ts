/** What the thread that runs a worker's tensors is started with. */
import { workerData } from 'node:worker_threads';
import type { ModelPlaces } from './models.js';

/** The thread's `workerData`. */
export interface TensorThreadSettings extends ModelPlaces {
  readonly threads: number;
  readonly device: 'cpu' | 'cuda';
}

/** What the thread was started with; for the modules that run in one. */
export function threadSettings(): TensorThreadSettings {
  return workerData as TensorThreadSettings;
}
