/** What every tensor worker's process has: its settings, the coordinator's client, and a server that stops cleanly. */
import { availableParallelism } from 'node:os';
import { type Client, type Implementation, connect, serve } from '@gapo/rpc';
import { describeSettings, grpcTarget, directory, hostPort, positiveInt, readSettings, z } from '@gapo/settings';
import { runService } from '@gapo/telemetry';

const settings = (listen: string) =>
  z.object({
    LISTEN: hostPort.default(listen).describe('where to serve gRPC; port 0 takes a free one'),
    COORDINATOR: grpcTarget.default('127.0.0.1:50050').describe('whom to pull policy versions from'),
    THREADS: positiveInt.default(Math.min(availableParallelism(), 4)).describe('threads of the tensor runtime'),
    DEVICE: z
      .enum(['cpu', 'cuda'])
      .default('cpu')
      .describe('execution provider of the tensor runtime')
      .meta({ expected: 'cpu or cuda' }),
    MODEL_ROOT: directory.default('.').describe('where relative model directories start'),
    ADDRESS_FILE: z.string().optional().describe('a file to write the address to once it is known'),
  });

/** A tensor worker's settings. */
export type WorkerSettings = z.output<ReturnType<typeof settings>>;

/** What a worker makes of its settings: the service it serves and how to close what it opened. */
export interface WorkerParts {
  readonly service: Implementation;
  readonly close: () => Promise<void>;
}

/** Runs a worker process from its settings until it is told to stop. */
export async function runWorker(options: {
  readonly name: 'rollout' | 'gradient';
  readonly listen: string;
  readonly start: (settings: WorkerSettings, coordinator: Client<'gapo.policy.v1.PolicyService'>) => WorkerParts;
}): Promise<void> {
  const schema = settings(options.listen);
  if (process.argv.includes('--help')) {
    process.stdout.write(helpText(options.name, schema));
    return;
  }
  await runService({
    name: `gapo-${options.name}`,
    start: async ({ log }) => {
      const values = readSettings(schema);
      const coordinator = connect('gapo.policy.v1.PolicyService', values.COORDINATOR);
      const { service, close } = options.start(values, coordinator);
      const server = await serve({ address: values.LISTEN, services: [service] });
      log.debug({ threads: values.THREADS, device: values.DEVICE, coordinator: values.COORDINATOR }, 'settings');
      return {
        address: server.address,
        stop: async () => {
          await server.stop();
          coordinator.close();
          await close();
        },
      };
    },
  });
}

function helpText(name: string, schema: ReturnType<typeof settings>): string {
  const rows = describeSettings(schema).map(
    (row) => `  ${row.name.padEnd(14)} ${row.description}${row.default === undefined ? '' : ` [${row.default}]`}`,
  );
  return (
    `The ${name} service of gapo. Settings are environment variables:\n\n${rows.join('\n')}\n\n` +
    `Example: LISTEN=0.0.0.0:0 COORDINATOR=coordinator:50050 node services/${name}/dist/main.js\n`
  );
}
