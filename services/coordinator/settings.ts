/** The coordinator's settings, read from environment variables, and its `--help` text. */
import { accessSettings } from '@gapo/access';
import { natsSettings } from '@gapo/events';
import { defaultDataLimits } from '@gapo/run-data';
import {
  directory,
  grpcTarget,
  hostPort,
  nonEmptyText,
  positiveInt,
  positiveNumber,
  readSettings,
  settingsHelp,
  url,
  z,
} from '@gapo/service';
import { parseStoreUrl } from './archive/storeUrl.js';
import { isRewardEntry } from './scoring/rewardAddresses.js';
import { isAllowPattern } from './scoring/rewardAllow.js';

const targets = z.array(grpcTarget).min(1);

const rewardService = z
  .string()
  .refine(isRewardEntry)
  .meta({ expected: 'name=host:port, or *=host:port with * in the host for unlisted names' });

const allowPattern = z
  .string()
  .refine(isAllowPattern)
  .meta({ expected: 'host:port with * for any and *.example.org for the names below, or unix:/path' });

const schema = z.object({
  LISTEN: hostPort.default('127.0.0.1:50050').describe('Address to listen on; port 0 takes a free port.'),
  ADDRESS_FILE: z.string().optional().describe('File that the actual address is written to, atomically.'),
  DATA_DIR: z.string().default('./runs').describe('Directory of the runs: configurations, steps, checkpoints.'),
  CHECKPOINT_STORE: z
    .string()
    .refine((url) => parseStoreUrl(url) !== undefined)
    .optional()
    .describe(
      'Store that runs are copied to, and read back from where DATA_DIR lacks them: s3://BUCKET/PREFIX, with the usual AWS variables, or file:///DIRECTORY.',
    )
    .meta({ expected: 's3://BUCKET/PREFIX or file:///DIRECTORY' }),
  CHECKPOINT_STORE_ADDRESSING: z
    .enum(['path', 'host'])
    .default('path')
    .describe('Whether requests to S3 have the bucket in their path or in their host name.')
    .meta({ expected: 'path or host' }),
  MLFLOW_TRACKING_URI: url('http', 'https')
    .optional()
    .describe('MLflow server that records the runs, such as https://mlflow.example.org (docs/trackers.md).'),
  MLFLOW_EXPERIMENT_NAME: nonEmptyText.default('gapo').describe('Experiment that the runs belong to at MLflow.'),
  MLFLOW_TRACKING_TOKEN: nonEmptyText.optional().describe('Token for the MLflow server.'),
  MLFLOW_TRACKING_USERNAME: nonEmptyText.optional().describe('User of the MLflow server, with a password.'),
  MLFLOW_TRACKING_PASSWORD: nonEmptyText.optional().describe('Password of MLFLOW_TRACKING_USERNAME.'),
  TENSORBOARD_DIR: directory
    .optional()
    .describe('Directory that event files of the runs are written to, for `tensorboard --logdir`.'),
  ROLLOUT_WORKERS: targets
    .default(['127.0.0.1:50051'])
    .describe('Rollout workers. dns:///name:port is every address of the name.'),
  GRADIENT_WORKERS: targets.default(['127.0.0.1:50052']).describe('Gradient workers, likewise.'),
  REWARD_SERVICES: z
    .array(rewardService)
    .default([])
    .describe(
      'Reward services by the name that run.yaml uses; *=dns:///reward-*:50061 is the rule for unlisted names.',
    ),
  PROJECT_DIRS: z
    .array(directory)
    .min(1)
    .optional()
    .describe(
      'Directories, separated by commas, that runs may read models, adapters and data from, besides DATA_DIR; by default the working directory and the one that holds DATA_DIR.',
    ),
  REWARD_ALLOW: z
    .array(allowPattern)
    .optional()
    .describe(
      'Addresses that runs may name as reward services besides REWARD_SERVICES; by default those of this machine where only it can connect.',
    ),
  ...accessSettings,
  ...natsSettings,
  REWARD_RETRY_SECONDS: positiveNumber
    .default(30)
    .describe(
      "Seconds that a reward service may be starting, unavailable or overloaded; at most the objective's timeoutSeconds.",
    ),
  WORKER_DEADLINE_SECONDS: positiveNumber.default(600).describe('Seconds that a worker may take for one shard.'),
  WORKER_LEASE_SECONDS: positiveNumber
    .default(8)
    .describe('Seconds without a sign of life after which a worker loses its shards to others.'),
  UNLIKE_WORKERS: z
    .enum(['refuse', 'allow'])
    .default('refuse')
    .describe(
      "Workers whose threads, device or runtime differ from the others', so that results differ in the last bits.",
    )
    .meta({ expected: 'refuse or allow' }),
  WORKER_WAIT_SECONDS: positiveNumber.default(60).describe('Seconds that a run waits for any worker before it pauses.'),
  DATA_SECONDS: positiveNumber
    .default(defaultDataLimits.limitMs / 1000)
    .describe('Seconds that reading and encoding the data of a run may take.'),
  DATA_MEMORY_MIB: positiveNumber
    .default(defaultDataLimits.memoryMiB)
    .describe('MiB of memory that a process which reads data may take. Two read at the same time.'),
  MAX_RUNS: positiveInt.default(10_000).describe('Runs in DATA_DIR beyond which no new one is created.'),
  MAX_ACTIVE_RUNS: positiveInt.default(64).describe('Runs that start or train beyond which no new one is created.'),
  CREATE_RUNS_PER_MINUTE: positiveNumber
    .default(20)
    .describe('New runs a minute, of which a third may be created at once; more are refused with RESOURCE_EXHAUSTED.'),
  STOP_GRACE_SECONDS: positiveNumber.default(15).describe('Seconds that the step in progress may take after SIGTERM.'),
});

/** The validated settings. */
export type Settings = z.output<typeof schema>;

/**
 * Reads the settings.
 *
 * @throws ConfigError naming every invalid variable
 */
export function coordinatorSettings(env: NodeJS.ProcessEnv = process.env): Settings {
  return readSettings(schema, env);
}

/** The `--help` text. */
export const help = settingsHelp({
  title: 'The coordinator: owns the training runs and distributes their work to rollout, gradient and reward services.',
  schema,
  example: `ROLLOUT_WORKERS=127.0.0.1:50051 GRADIENT_WORKERS=127.0.0.1:50052 \\
REWARD_SERVICES=helpful=127.0.0.1:50061,harmless=127.0.0.1:50062 \\
  node --import ./services/lib/tracing/dist/preload.js services/coordinator/dist/main.js`,
});
