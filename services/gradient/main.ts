/** The gradient service's process: log-probabilities and one gradient per objective, under versions that it pulls from the coordinator. */
import { runWorker, tensorBackend } from '@gapo/worker';
import { type GradientTasks, gradientService } from './server.js';

await runWorker({
  name: 'gradient',
  title:
    'The gradient service: one gradient per objective, and log-probabilities, under versions that it pulls from the coordinator.',
  listen: '127.0.0.1:50052',
  open: tensorBackend<GradientTasks>({
    thread: new URL('./gradientThread.js', import.meta.url),
    service: gradientService,
  }),
});
