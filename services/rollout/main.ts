/** The rollout service's process: samples completions from policy versions that it pulls from the coordinator. */
import { runWorker } from '@gapo/worker';
import { type SamplingTasks, rolloutService } from './server.js';

await runWorker<SamplingTasks>({
  name: 'rollout',
  title: 'The rollout service: samples completions from policy versions that it pulls from the coordinator.',
  listen: '127.0.0.1:50051',
  thread: new URL('./samplingThread.js', import.meta.url),
  service: rolloutService,
});
