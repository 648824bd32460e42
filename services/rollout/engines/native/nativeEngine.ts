/** The engine of this project: samples in the tensor thread of the worker. */
import { once } from 'node:events';
import { MessageChannel } from 'node:worker_threads';
import type { SampledCompletion } from '@gapo/policy';
import type { WorkerThread } from '@gapo/service';
import type { Engine } from '../engine.js';
import type { sample } from './samplingThread.js';

/** The tasks of the tensor thread. */
export type SamplingTasks = { readonly sample: typeof sample };

/** Samples in a tensor thread. */
export function nativeEngine(thread: WorkerThread<SamplingTasks>): Engine {
  return {
    async sample({ policy, version, prompts, options }, emit, signal) {
      const { port1, port2 } = new MessageChannel();
      const cancelled = new Int32Array(new SharedArrayBuffer(4));
      const cancel = (): void => void Atomics.store(cancelled, 0, 1);
      signal.addEventListener('abort', cancel, { once: true });
      port1.on('message', (completion) => emit(completion as SampledCompletion));
      const closed = once(port1, 'close');
      const task = {
        engine: policy.engine,
        version: version.tensors,
        prompts,
        options,
        completions: port2,
        cancelled,
      };
      try {
        await thread.run('sample', task, { transfer: [port2] });
        await closed; // after the last completion
      } finally {
        signal.removeEventListener('abort', cancel);
        port1.close();
      }
    },
  };
}
