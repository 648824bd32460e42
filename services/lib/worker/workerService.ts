/** What every tensor worker's process has: its settings, the coordinator's client, and a server that stops cleanly. */
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Client, type Implementation, connect, serve } from '@gapo/rpc';
import {
  directory,
  filePath,
  grpcTarget,
  hostPort,
  positiveInt,
  readSettings,
  settingsHelp,
  z,
  runService,
} from '@gapo/service';
import { WorkerThread, type ThreadTasks } from '@gapo/service';
import type { TensorThreadSettings } from './threadSettings.js';

const workerSettings = (listen: string) =>
  z.object({
    LISTEN: hostPort.default(listen).describe('Where it listens; port 0 takes a free one.'),
    COORDINATOR: grpcTarget.default('127.0.0.1:50050').describe('Whom it pulls policy versions from.'),
    THREADS: positiveInt
      .default(Math.min(availableParallelism(), 4))
      .describe('Threads of the tensor runtime; by default all cores, at most 4.'),
    DEVICE: z
      .enum(['cpu', 'cuda'])
      .default('cpu')
      .describe('The execution provider of the tensor runtime.')
      .meta({ expected: 'cpu or cuda' }),
    MODEL_ROOT: directory.default('.').describe('Where relative model directories start.'),
    MODEL_CACHE: directory
      .default(join(tmpdir(), 'gapo-models'))
      .describe('A directory for BF16 and F16 weights as float32: written once, mapped by every worker.'),
    ADDRESS_FILE: filePath.optional().describe('A file that its real address is written to, whole or not at all.'),
  });

/** Calls under way have this long to finish; less than the 10 seconds that runService allows for the whole stop. */
const shutdownGraceMs = 8000;

/** A tensor worker: what it serves, and the thread that works for it. */
export interface Worker<Tasks extends ThreadTasks> {
  readonly name: 'rollout' | 'gradient';
  /** What the service is, in one sentence, for `--help`. */
  readonly title: string;
  /** Where it listens by default. */
  readonly listen: string;
  /** The compiled module of its tensor thread, which exports the tasks. */
  readonly thread: URL;
  /** Makes the service, which pulls versions from the coordinator and has the thread work on them. */
  readonly service: (
    coordinator: Client<'gapo.policy.v1.PolicyService'>,
    thread: WorkerThread<Tasks>,
  ) => Implementation;
}

/** Runs a worker's process from its settings until it is told to stop. */
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
      const { LISTEN, COORDINATOR, THREADS, DEVICE, MODEL_ROOT, MODEL_CACHE } = readSettings(schema);
      const coordinator = connect('gapo.policy.v1.PolicyService', COORDINATOR);
      const forThread: TensorThreadSettings = {
        threads: THREADS,
        device: DEVICE,
        modelRoot: MODEL_ROOT,
        modelCache: MODEL_CACHE,
      };
      const thread = new WorkerThread<Tasks>(worker.thread, forThread);
      const services = [worker.service(coordinator, thread)];
      const server = await serve({ address: LISTEN, services, shutdownGraceMs });
      log.debug({ threads: THREADS, device: DEVICE, coordinator: COORDINATOR }, 'settings');
      return {
        address: server.address,
        stop: async () => {
          await server.stop();
          coordinator.close();
          await thread.close();
        },
      };
    },
  });
}
