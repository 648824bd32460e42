/** The settings of a worker's tensor thread. */
import { workerData } from 'node:worker_threads';
import type { ModelPlaces } from './models.js';

/** The thread's `workerData`. */
export interface TensorThreadSettings extends ModelPlaces {
  readonly threads: number;
  readonly device: 'cpu' | 'cuda';
}

/** The settings of the current tensor thread. */
export function threadSettings(): TensorThreadSettings {
  return workerData as TensorThreadSettings;
}
