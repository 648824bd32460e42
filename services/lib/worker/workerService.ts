/** The process of a tensor worker: its settings, the coordinator's client, and a server that shuts down gracefully. */
import { randomUUID } from 'node:crypto';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Implementation, connect, serve } from '@gapo/rpc';
import {
  directory,
  filePath,
  grpcTarget,
  hostPort,
  positiveInt,
  readSettings,
  settingsHelp,
  stopGraceSeconds,
  stopTimes,
  z,
  runService,
  type ThreadTasks,
  WorkerThread,
} from '@gapo/service';
import { expectedTensors } from './expectedTensors.js';
import { identified, ownIdentity } from './identity.js';
import type { TensorThreadSettings } from './threadSettings.js';
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

/**
 * How long a pull waits for a coordinator that has moved to another address. Failures at once would use up a shard's attempts, where this worker is
 * the only one.
 */
const reconnectMs = 10_000;

/** A tensor worker: its service and its thread. */
export interface Worker<Tasks extends ThreadTasks> {
  readonly name: 'rollout' | 'gradient';
  /** The service in one sentence, for `--help`. */
  readonly title: string;
  /** The default address. */
  readonly listen: string;
  /** The compiled module of its tensor thread, which exports the tasks. */
  readonly thread: URL;
  /** Creates the service, which gets versions from the store and runs its tasks in the thread. */
  readonly service: (versions: VersionStore, thread: WorkerThread<Tasks>) => Implementation;
}

/** Runs a worker's process until it receives a stop signal. */
export async function runWorker<Tasks extends ThreadTasks>(worker: Worker<Tasks>): Promise<void> {
  const schema = workerSettings(worker.listen);
  await runService({
    name: `gapo-${worker.name}`,
    help: settingsHelp({
      title: worker.title,
      schema,
      example: `COORDINATOR=127.0.0.1:50050 LISTEN=${worker.listen} \\
  node --import ./services/lib/tracing/dist/preload.js services/${worker.name}/dist/main.js`,
    }),
    start: async ({ log }) => {
      const { LISTEN, COORDINATOR, THREADS, DEVICE, MODEL_ROOT, MODEL_CACHE, STOP_GRACE_SECONDS } =
        readSettings(schema);
      const { shutdownGraceMs, stopTimeoutMs } = stopTimes(STOP_GRACE_SECONDS);
      const reconnect = () => connect('gapo.policy.v1.PolicyService', COORDINATOR, { reconnectMs });
      const forThread: TensorThreadSettings = {
        threads: THREADS,
        device: DEVICE,
        modelRoot: MODEL_ROOT,
        modelCache: MODEL_CACHE,
      };
      const thread = new WorkerThread<Tasks>(worker.thread, forThread);
      const versions = new VersionStore(reconnect(), { reconnect, expected: expectedTensors(MODEL_ROOT) });
      const instance = randomUUID();
      const identity = ownIdentity(instance, worker.thread, forThread);
      const services = identified([worker.service(versions, thread)], instance, identity);
      const server = await serve({ address: LISTEN, services, shutdownGraceMs });
      void identity.then(({ build, environment }) =>
        log.debug({ build, ...environment, coordinator: COORDINATOR }, 'identity'),
      );
      return {
        address: server.address,
        stopTimeoutMs,
        stop: async () => {
          await server.stop();
          versions.close();
          await thread.close();
        },
      };
    },
  });
}
