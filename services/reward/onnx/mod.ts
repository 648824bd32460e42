/** `REWARD_KIND=onnx`: sequence classifiers, any number in one process. */
import { rewardKinds } from '@gapo/config';
import { measureGpus } from '@gapo/service';
import { attributeNames, spanNames, withSpan } from '@gapo/tracing';
import { sharedKind } from '../hostedKind.js';
import { ClassifierHost } from './classifierHost.js';

export const onnx = sharedKind(rewardKinds.onnx, async (entries, settings) => {
  const classifiers = entries.map(({ model, objective }) => ({ directory: model, objective }));
  const directories = classifiers.map(({ directory }) => directory).join(',');
  const host = await withSpan(spanNames.modelLoad, { [attributeNames.model]: directories }, () =>
    ClassifierHost.open(classifiers, {
      threads: settings.THREADS,
      device: settings.DEVICE,
      latencyBoundMs: settings.LATENCY_BOUND_MS,
      batchWaitMs: settings.BATCH_WAIT_MS,
      queueItems: settings.QUEUE_ITEMS,
    }),
  );
  measureGpus(settings.DEVICE);
  return host.scorers;
});
