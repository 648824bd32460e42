/** The gradient service's process: log-probabilities and one gradient per objective, under versions it pulls. */
import { TensorThread, runWorker } from '@gapo/worker';
import type { GradientSettings } from './gradientThread.js';
import { type GradientTasks, gradientService } from './server.js';

await runWorker({
  name: 'gradient',
  listen: '127.0.0.1:50052',
  start: ({ THREADS, DEVICE, MODEL_ROOT }, coordinator) => {
    const settings: GradientSettings = { threads: THREADS, device: DEVICE, modelRoot: MODEL_ROOT };
    const thread = new TensorThread<GradientTasks>(new URL('./gradientThread.js', import.meta.url), settings);
    return { service: gradientService(coordinator, thread), close: () => thread.close() };
  },
});
