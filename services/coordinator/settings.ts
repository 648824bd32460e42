/** The coordinator's settings: environment variables, and the text that `--help` prints. */
import { grpcTarget, hostPort, positiveNumber, readSettings, settingsHelp, z } from '@gapo/service';
import { isRewardEntry } from './scoring/rewardAddresses.js';

const targets = z.array(grpcTarget).min(1);

const rewardService = z
  .string()
  .refine(isRewardEntry)
  .meta({ expected: 'name=host:port, or *=host:port with * in the host for names that are not listed' });

const schema = z.object({
  LISTEN: hostPort.default('127.0.0.1:50050').describe('Where it listens; port 0 takes a free one.'),
  ADDRESS_FILE: z.string().optional().describe('A file that its real address is written to, whole or not at all.'),
  DATA_DIR: z.string().default('./runs').describe('Where runs are kept: configuration, steps, checkpoints.'),
  ROLLOUT_WORKERS: targets.default(['127.0.0.1:50051']).describe('Rollout workers. dns:///name:port is every address.'),
  GRADIENT_WORKERS: targets.default(['127.0.0.1:50052']).describe('Gradient workers, likewise.'),
  REWARD_SERVICES: z
    .array(rewardService)
    .default([])
    .describe(
      'Reward services by the name that run.yaml uses; *=dns:///reward-*:50061 is a rule for all that are not listed.',
    ),
  NATS_URL: z.string().optional().describe('NATS with JetStream for events; unset: events stay in this process.'),
  WORKER_DEADLINE_SECONDS: positiveNumber.default(600).describe('How long a worker may take for one shard.'),
  WORKER_WAIT_SECONDS: positiveNumber.default(60).describe('How long a run waits for any worker before it pauses.'),
  STOP_GRACE_SECONDS: positiveNumber.default(15).describe('How long the step in progress may go on after SIGTERM.'),
});

/** The settings, read and checked. */
export type Settings = z.output<typeof schema>;

/**
 * Reads the settings.
 *
 * @throws ConfigError that names every variable which is wrong
 */
export function coordinatorSettings(env: NodeJS.ProcessEnv = process.env): Settings {
  return readSettings(schema, env);
}

/** What `--help` prints. */
export const help = settingsHelp({
  title: 'The coordinator: owns the training runs and asks rollout, gradient and reward services for the work.',
  schema,
  example: `ROLLOUT_WORKERS=127.0.0.1:50051 GRADIENT_WORKERS=127.0.0.1:50052 \\
REWARD_SERVICES=helpful=127.0.0.1:50061,harmless=127.0.0.1:50062 \\
  node --import ./services/lib/tracing/dist/preload.js services/coordinator/dist/main.js`,
});
