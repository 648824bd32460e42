/**
 * A RewardService: its spec and status as schemas, from which its definition is generated, and with which objects from the API server
 * are checked.
 */
import { objective, rewardKinds, textForm } from '@gapo/config';
import { nonEmptyText, port, positiveInt, word, z } from '@gapo/service';
import { conditionSchemaOf, metadata } from './metadata.js';

/** What serves a reward. A RewardService has exactly one. */
export const sources = ['rules', 'model', 'endpoint', 'image'] as const;

/** See {@link sources}. */
export type Source = (typeof sources)[number];

const texts = z.record(z.string(), z.string());
const anything = z.record(z.string(), z.unknown());
const objectName = z.string().regex(/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/).max(253); // prettier-ignore
const quantity = z.union([z.int(), z.string().regex(/^\d+(\.\d+)?(m|Ki|Mi|Gi|Ti|Pi|k|M|G|T|P)?$/)]);
const quantities = z.record(z.string(), quantity);

const configMapKey = z.object({
  name: objectName.describe("The ConfigMap's name."),
  key: z.string().regex(/^[-._a-zA-Z0-9]+$/).max(253).describe('Its key, whose value is the file.'), // prettier-ignore
});

const rules = z
  .object({
    inline: anything.optional().describe('The rules themselves (docs/rewards.md). Another version replaces the pods.'),
    configMap: configMapKey
      .optional()
      .describe(
        'A key of a ConfigMap with the file of rules. Pods read it when they start: name another one to change it.',
      ),
    path: nonEmptyText.optional().describe("The file of rules: absolute, or relative to the release's project."),
  })
  .describe(`Rules: ${rewardKinds.rules.summary}. Exactly one of inline, configMap and path.`);

const download = z.object({
  url: z.string().regex(/^(https?|s3):\/\/.+/).describe('https://HOST/FILE.tar.gz (a tar archive), or s3://BUCKET/PREFIX.'), // prettier-ignore
  sha256: z.string().regex(/^[0-9a-f]{64}$/).optional().describe("The archive's SHA-256. A download that differs is refused."), // prettier-ignore
  endpoint: z.string().regex(/^https?:\/\/.+/).optional().describe('Of an S3 server other than AWS.'), // prettier-ignore
  region: nonEmptyText.optional().describe('Its region.'),
  secret: objectName
    .optional()
    .describe(
      'A Secret whose keys are variables of the download: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or DOWNLOAD_TOKEN.',
    ),
  sizeLimit: z.string().regex(/^\d+(\.\d+)?(Ki|Mi|Gi|Ti)?$/).optional().describe('Space in each pod. Default: 10Gi.'), // prettier-ignore
});

const model = z
  .object({
    path: nonEmptyText
      .optional()
      .describe(
        `${String(rewardKinds.onnx.entry.model.description)}. Relative to the claim, image or download; without one of these to the release's project, where an absolute path is one of its models.`,
      ),
    existingClaim: objectName.optional().describe('A PersistentVolumeClaim that holds it.'),
    image: nonEmptyText.optional().describe('An image that holds it, mounted as a volume (Kubernetes 1.35 or later).'),
    download: download.optional().describe('A download by an init container of each pod.'),
    variant: z.enum(['cpu', 'cuda']).optional().describe('cuda: the image for NVIDIA GPUs. Default: cpu.'),
  })
  .describe(`A model: ${rewardKinds.onnx.summary}.`);

const endpoint = z
  .object({
    address: z
      .string()
      .regex(/^(dns:(\/\/\/)?)?([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]):([1-9]\d{0,4})$/)
      .max(300)
      .describe(
        'host:port, or dns:///host:port for every address of a name. coordinator.rewardAllow of the release has to name it.',
      ),
  })
  .describe('A service of gapo.reward.v1 that exists.');

const image = z
  .object({
    reference: nonEmptyText.describe('The image, which serves gapo.reward.v1 and grpc.health.v1 as a user that is not root.'),
    port: port.min(1).optional().describe('The port that it listens on. Default: 50061.'),
    command: z.array(z.string()).optional().describe("In place of the image's entry point."),
    args: z.array(z.string()).optional().describe('Arguments.'),
    runAsUser: positiveInt.max(4_294_967_295).optional().describe("Its numeric user. Default: that of the release's pods."),
  })
  .describe('Your own container. Unless tls.mode is insecure, it must serve with TLS_CERT_FILE, TLS_KEY_FILE and TLS_CA_FILE, and grpc.health.v1 without TLS at LISTEN_HEALTH.'); // prettier-ignore

const environment = z.object({ name: nonEmptyText, value: z.string().optional(), valueFrom: anything.optional() });

const toleration = z.object({
  key: z.string().optional(),
  operator: z.enum(['Exists', 'Equal']).optional(),
  value: z.string().optional(),
  effect: z.enum(['NoSchedule', 'PreferNoSchedule', 'NoExecute']).optional(),
  tolerationSeconds: z.int().optional(),
});

/** Keys of the spec that are about pods. */
const podKeys = {
  replicas: z.int().min(0).optional().describe("Number of pods. Default: rewardDefaults.replicas of the release; an autoscaler's number where one scales this resource."), // prettier-ignore
  resources: z.object({ requests: quantities.optional(), limits: quantities.optional() }).optional().describe('Resource requests and limits of a pod. Default: rewardDefaults.resources.'), // prettier-ignore
  env: z.array(environment).optional().describe('More environment variables. Each replaces that of the same name.'),
  envFrom: z.array(anything).optional().describe('Variables of ConfigMaps and Secrets, as in a pod.'),
  nodeSelector: texts.optional().describe('Where pods may run, in place of that of the release.'),
  tolerations: z.array(toleration).optional().describe('Likewise.'),
  affinity: anything.optional().describe('Likewise.'),
  priorityClassName: objectName.optional().describe('Likewise.'),
  runtimeClassName: objectName.optional().describe('Likewise.'),
  podLabels: texts.optional().describe('More labels of the pods.'),
  podAnnotations: texts.optional().describe('More annotations of the pods.'),
  tlsSecretName: objectName
    .optional()
    .describe(
      "A Secret with tls.crt, tls.key and ca.crt and the identity reward/NAME. Default: the one that the release's RewardServices share.",
    ),
};

/** Keys not allowed for an endpoint. */
export const keysOfPods: readonly string[] = Object.keys(podKeys);

/** What serves the reward, and how. */
export const rewardServiceSpec = z.object({
  objective: word
    .optional()
    .describe("With rules or model: the objective's name in runs. Default: the resource's name."),
  text: textForm.optional().describe(`With rules or model. ${String(objective.shape.text.description)}`),
  rules: rules.optional(),
  model: model.optional(),
  endpoint: endpoint.optional(),
  image: image.optional(),
  ...podKeys,
});

/** See {@link rewardServiceSpec}. */
export type RewardServiceSpec = z.output<typeof rewardServiceSpec>;

/** What a condition of a RewardService is about. */
export const rewardConditions = ['Available', 'Ready'] as const;

const condition = conditionSchemaOf(rewardConditions);

/** A condition of a RewardService. */
export type RewardCondition = z.output<typeof condition>;

/** The service as last observed by the operator. */
export const rewardServiceStatus = z.object({
  observedGeneration: z.int().optional().describe('The generation of the resource that the status is of.'),
  kind: z.string().optional().describe('Rules, Model, Endpoint or Image.'),
  address: z.string().optional().describe('Where the coordinator calls it.'),
  replicas: z.int().optional().describe('Number of pods.'),
  readyReplicas: z.int().optional().describe('Number of ready pods.'),
  pods: z.string().optional().describe('Ready pods out of the desired ones, such as 1/2.'),
  selector: z.string().optional().describe('What selects its pods, for autoscalers.'),
  conditions: z.array(condition).optional(),
});

/** See {@link rewardServiceStatus}. */
export type RewardServiceStatus = z.output<typeof rewardServiceStatus>;

/** A RewardService. */
export const rewardService = z.looseObject({
  apiVersion: z.string(),
  kind: z.string(),
  metadata,
  spec: rewardServiceSpec,
  status: rewardServiceStatus.optional(),
});

/** See {@link rewardService}. */
export type RewardService = z.output<typeof rewardService>;

/**
 * Returns what serves a reward.
 *
 * @throws RangeError if the spec has none, which the API server does not allow
 */
export function sourceOf(spec: RewardServiceSpec): Source {
  const found = sources.find((source) => spec[source] !== undefined);
  if (found === undefined) throw new RangeError(`expected one of ${sources.join(', ')}`);
  return found;
}

/** Whether a condition of a RewardService is true. */
export function isTrue({ status }: RewardService, type: RewardCondition['type']): boolean {
  return status?.conditions?.find((one) => one.type === type)?.status === 'True';
}
