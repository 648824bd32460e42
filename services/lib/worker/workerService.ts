/** The process of a worker: its settings, the coordinator's client, and a server that shuts down gracefully. */
import { randomUUID } from 'node:crypto';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Implementation, connect, serve } from '@gapo/rpc';
import {
  directory,
  filePath,
  grpcTarget,
  hostPort,
  measureGpus,
  positiveInt,
  readSettings,
  settingsHelp,
  runService,
  stopGraceSeconds,
  stopTimes,
  type Logger,
  z,
} from '@gapo/service';
import { expectedTensors } from './expectedTensors.js';
import { identified, type WorkerIdentity } from './identity.js';
import { VersionStore } from './versions.js';

const workerSettings = (listen: string) =>
  z.object({
    LISTEN: hostPort.default(listen).describe('The address to listen on; port 0 chooses a free port.'),
    COORDINATOR: grpcTarget.default('127.0.0.1:50050').describe('The coordinator that it pulls policy versions from.'),
    THREADS: positiveInt
      .default(Math.min(availableParallelism(), 4))
      .describe('Threads of the tensor runtime; by default all cores, at most 4.'),
    DEVICE: z
      .enum(['cpu', 'cuda'])
      .default('cpu')
      .describe('The execution provider of the tensor runtime.')
      .meta({ expected: 'cpu or cuda' }),
    MODEL_ROOT: directory.default('.').describe('The base of relative model directories.'),
    MODEL_CACHE: directory
      .default(join(tmpdir(), 'gapo-models'))
      .describe('A directory for float32 copies of BF16 and F16 weights, written once and mapped by every worker.'),
    ADDRESS_FILE: filePath.optional().describe('A file that receives the actual address, written atomically.'),
    STOP_GRACE_SECONDS: stopGraceSeconds,
  });

/** The settings of every worker. */
export type WorkerSettings = z.output<ReturnType<typeof workerSettings>>;

/**
 * How long a pull waits for a coordinator that has moved to another address. Failing immediately would use up a shard's attempts if this worker is
 * the only one.
 */
const reconnectMs = 10_000;

/** What a worker computes with: its own tensor thread, or other servers. */
export interface Backend {
  readonly service: Implementation;
  /** Returns the worker's identity whenever a coordinator asks. @throws RpcError saying why it cannot serve */
  readonly identity: () => Promise<WorkerIdentity>;
  /** Observes from now on whether it can serve. @default always */
  readonly watchHealth?: (changed: (serving: boolean) => void) => void;
  readonly close: () => Promise<void>;
}

/** The context in which a backend is opened. */
export interface BackendContext {
  readonly versions: VersionStore;
  /** Identifies the process. */
  readonly instance: string;
  readonly log: Logger;
}

/** Opens a backend. @throws UserError, ConfigError if a setting is invalid */
export type OpenBackend = (settings: WorkerSettings, context: BackendContext) => Backend | Promise<Backend>;

/** A worker: its settings and what it computes with. */
export interface Worker {
  readonly name: 'rollout' | 'gradient';
  /** The service in one sentence, for `--help`. */
  readonly title: string;
  /** The default address. */
  readonly listen: string;
  /** Settings in addition to the common worker settings, for `--help`. @default none */
  readonly settings?: z.ZodObject;
  readonly open: OpenBackend;
}

/** Runs a worker's process until it receives a stop signal. */
export async function runWorker(worker: Worker): Promise<void> {
  const schema = workerSettings(worker.listen);
  await runService({
    name: `gapo-${worker.name}`,
    help: settingsHelp({
      title: worker.title,
      schema: z.object({ ...schema.shape, ...worker.settings?.shape }),
      example: `COORDINATOR=127.0.0.1:50050 LISTEN=${worker.listen} \\
  node --import ./services/lib/tracing/dist/preload.js services/${worker.name}/dist/main.js`,
    }),
    heap: 'tensors',
    start: async ({ log }) => {
      const settings = readSettings(schema);
      const { LISTEN, COORDINATOR, MODEL_ROOT, STOP_GRACE_SECONDS } = settings;
      const { shutdownGraceMs, stopTimeoutMs } = stopTimes(STOP_GRACE_SECONDS);
      const reconnect = () => connect('gapo.policy.v1.PolicyService', COORDINATOR, { reconnectMs });
      const unmeasured = measureGpus(settings.DEVICE);
      const versions = new VersionStore(reconnect(), { reconnect, expected: expectedTensors(MODEL_ROOT) });
      const instance = randomUUID();
      const backend = await worker.open(settings, { versions, instance, log });
      const services = identified([backend.service], instance, backend.identity);
      const server = await serve({ address: LISTEN, services, shutdownGraceMs });
      let stopping = false;
      backend.watchHealth?.((serving) => {
        if (!stopping) server.setServing(serving);
      });
      backend.identity().then(
        ({ build, environment }) => log.debug({ build, ...environment, coordinator: COORDINATOR }, 'identity'),
        () => undefined, // the coordinator's request reports it
      );
      return {
        address: server.address,
        stopTimeoutMs,
        stop: async () => {
          stopping = true;
          unmeasured();
          await server.stop();
          versions.close();
          await backend.close();
        },
      };
    },
  });
}
