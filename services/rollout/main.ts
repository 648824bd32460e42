/** The rollout service's process: samples completions from policy versions that it pulls from the coordinator. */
import { readSettings } from '@gapo/service';
import { type OpenBackend, ownIdentity, runWorker, tensorBackend } from '@gapo/worker';
import { nativeEngine, type SamplingTasks } from './engines/native/nativeEngine.js';
import { engineServers, engineSettings, servedSettings } from './engines/settings.js';
import { rolloutService } from './server.js';

const native = tensorBackend<SamplingTasks>({
  thread: new URL('./engines/native/samplingThread.js', import.meta.url),
  service: (versions, thread) => rolloutService(versions, nativeEngine(thread)),
});

const open: OpenBackend = async (settings, context) => {
  const served = servedSettings(readSettings(engineSettings));
  if (served === undefined) return native(settings, context);
  // Loads libraries that only this engine needs in this thread.
  const [{ ServedEngine }, { protocols }] = await Promise.all([
    import('./engines/served/servedEngine.js'),
    import('./engines/served/protocols/registry.js'),
  ]);
  const engine = new ServedEngine({
    protocol: protocols[served.ENGINE],
    servers: engineServers(served),
    model: served.ENGINE_MODEL,
    volume: {
      directory: served.ENGINE_ADAPTER_DIR,
      servedDirectory: served.ENGINE_ADAPTER_PATH ?? served.ENGINE_ADAPTER_DIR,
    },
    adapters: served.ENGINE_ADAPTERS,
    concurrency: served.ENGINE_CONCURRENCY,
    timeoutMs: served.ENGINE_TIMEOUT_SECONDS * 1000,
    leaseMs: served.ENGINE_LEASE_SECONDS * 1000,
    modelRoot: settings.MODEL_ROOT,
    log: context.log,
  });
  const own = ownIdentity(context.instance, new URL(import.meta.url), async () => ({}));
  return {
    service: rolloutService(context.versions, engine),
    identity: async () => ({ ...(await own), environment: await engine.environment() }),
    watchHealth: (changed) => engine.watchHealth(changed),
    close: () => engine.close(),
  };
};

await runWorker({
  name: 'rollout',
  title: 'The rollout service: samples completions from policy versions that it pulls from the coordinator.',
  listen: '127.0.0.1:50051',
  settings: engineSettings,
  open,
});
