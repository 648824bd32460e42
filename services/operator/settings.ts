/** The environment variables of the operator. */
import {
  filePath,
  grpcTarget,
  hostPort,
  nonEmptyText,
  positiveNumber,
  readSettings,
  settingsHelp,
  z,
} from '@gapo/service';

const schema = z.object({
  LISTEN: hostPort
    .default('127.0.0.1:50057')
    .describe('The address of grpc.health.v1 and server reflection. Port 0 takes a free one.'),
  ADDRESS_FILE: filePath.optional().describe('A file that the actual address is written to, atomically.'),
  COORDINATOR: grpcTarget.default('127.0.0.1:50050').describe("The coordinator's address."),
  COORDINATOR_TOKEN_FILE: filePath
    .optional()
    .describe('A file with the token that calls to the coordinator carry, of the role operator or admin.'),
  BASE_DIRECTORY: nonEmptyText
    .default('/project')
    .describe('Directory of the coordinator that relative paths of run configurations refer to.'),
  KUBECONFIG: filePath
    .optional()
    .describe('A file that names the cluster and the user; by default the cluster that the operator runs in.'),
  NAMESPACE: nonEmptyText
    .optional()
    .describe('The namespace whose TrainingRuns the operator follows; by default every one.'),
  LABEL_SELECTOR: nonEmptyText
    .optional()
    .describe('Labels of the TrainingRuns that it follows, as in kubectl get -l; by default all.'),
  REWARD_TEMPLATES: filePath
    .optional()
    .describe(
      'A file with what Deployments and Services of RewardServices are made from, as the Helm chart writes it; without it RewardServices are left alone.',
    ),
  REWARD_NAMESPACE: nonEmptyText
    .optional()
    .describe("The namespace whose RewardServices are served; by default NAMESPACE, or the pod's."),
  LEASE_NAMESPACE: nonEmptyText.optional().describe("The namespace of its lease; by default the pod's."),
  LEASE_NAME: nonEmptyText.default('gapo-operator').describe('The lease by which one of several operators leads.'),
  LEASE_SECONDS: positiveNumber
    .default(15)
    .describe('Seconds after which another operator leads if the leader no longer answers.'),
  IDENTITY: nonEmptyText
    .optional()
    .describe('What this operator is called in the lease and in events; by default the host and the process id.'),
  STATUS_SECONDS: positiveNumber
    .default(2)
    .describe('Seconds between two writes of the status of a run that takes steps.'),
});

/** The settings of the operator. */
export type Settings = z.output<typeof schema>;

/**
 * Reads the settings.
 *
 * @throws ConfigError listing every problem
 */
export function operatorSettings(env: NodeJS.ProcessEnv = process.env): Settings {
  return readSettings(schema, env);
}

/** The text of `--help`. */
export const help = settingsHelp({
  title:
    "The operator: makes the coordinator's runs what TrainingRun resources of Kubernetes say, and serves RewardService resources.",
  schema,
  example: `COORDINATOR=127.0.0.1:50050 KUBECONFIG=$HOME/.kube/config NAMESPACE=gapo \\
  node --import ./services/lib/tracing/dist/preload.js services/operator/dist/main.js`,
});
