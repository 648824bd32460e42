/** The rollout service's process: samples completions from policy versions that it pulls from the coordinator. */
import { TensorThread, runWorker } from '@gapo/worker';
import type { SamplingSettings, sample } from './samplingThread.js';
import { rolloutService } from './server.js';

await runWorker({
  name: 'rollout',
  listen: '127.0.0.1:50051',
  start: ({ THREADS, DEVICE, MODEL_ROOT }, coordinator) => {
    const settings: SamplingSettings = { threads: THREADS, device: DEVICE, modelRoot: MODEL_ROOT };
    const thread = new TensorThread<{ sample: typeof sample }>(
      new URL('./samplingThread.js', import.meta.url),
      settings,
    );
    return { service: rolloutService(coordinator, thread), close: () => thread.close() };
  },
});
