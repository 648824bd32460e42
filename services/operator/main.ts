/** The operator as a process: settings, gRPC health, leader election, and the leader's work. */
import { hostname } from 'node:os';
import { serve } from '@gapo/rpc';
import { runService } from '@gapo/service';
import { connectCoordinator } from './coordinator.js';
import { followRuns } from './follow/operator.js';
import { Cluster } from './kubernetes/cluster.js';
import { Leadership } from './kubernetes/leadership.js';
import { followRewards } from './rewards/operator.js';
import { RewardRegistry } from './rewards/registry.js';
import { readTemplates } from './rewards/templates.js';
import { help, operatorSettings } from './settings.js';

await runService({
  name: 'gapo-operator',
  help,
  async start({ log, signal }) {
    const settings = operatorSettings();
    const cluster = Cluster.open(settings.KUBECONFIG);
    const training = connectCoordinator(settings.COORDINATOR, settings.COORDINATOR_TOKEN_FILE);
    const identity = settings.IDENTITY ?? `${hostname()}_${process.pid}`;
    const lease = {
      namespace: settings.LEASE_NAMESPACE ?? settings.NAMESPACE ?? cluster.ownNamespace,
      name: settings.LEASE_NAME,
      identity,
      seconds: settings.LEASE_SECONDS,
    };
    const rewardNamespace = settings.REWARD_NAMESPACE ?? settings.NAMESPACE ?? cluster.ownNamespace;
    const registry = new RewardRegistry(rewardNamespace);
    const rewards =
      settings.REWARD_TEMPLATES === undefined
        ? undefined
        : {
            context: { cluster, registry, identity, log, templates: readTemplates(settings.REWARD_TEMPLATES) },
            scope: { namespace: rewardNamespace, labelSelector: settings.LABEL_SELECTOR },
          };
    const context = {
      cluster,
      training,
      identity,
      registry: rewards?.context.registry,
      baseDirectory: settings.BASE_DIRECTORY,
      statusMs: settings.STATUS_SECONDS * 1000,
      log,
    };
    const scope = { namespace: settings.NAMESPACE, labelSelector: settings.LABEL_SELECTOR };
    const server = await serve({ address: settings.LISTEN, services: [], serving: false });
    const stopping = new AbortController();
    const leadership = new Leadership(cluster, lease, log);
    const working = leadership.run(
      async (leading) => {
        const serving = rewards && followRewards(rewards.context, rewards.scope, leading);
        await Promise.all([followRuns(context, scope, leading), serving]);
      },
      AbortSignal.any([stopping.signal, signal]),
    );
    // Not ready before this, so that a release whose operator cannot reach the API server does not roll
    // out.
    await Promise.race([leadership.answered, working]);
    server.setServing(true);
    return {
      address: server.address,
      done: working,
      stopTimeoutMs: 20_000,
      async stop() {
        stopping.abort();
        await working;
        await server.stop();
        training.close();
      },
    };
  },
});
