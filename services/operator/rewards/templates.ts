/** The templates for the objects of a RewardService: the chart's Deployment and Service for a reward, in a file written by the chart. */
import { namedText, nonEmptyText, parseYaml, z } from '@gapo/service';

const mapping = z.record(z.string(), z.unknown());
const named = z.looseObject({ name: z.string() });
const environment = z.object({ name: z.string(), value: z.string().optional(), valueFrom: mapping.optional() });

const container = z.looseObject({
  name: z.string(),
  env: z.array(environment).default([]),
  ports: z.array(named.extend({ containerPort: z.int() })).optional(),
  volumeMounts: z.array(named).default([]),
});

const podSpec = z.looseObject({
  containers: z.tuple([container], container),
  initContainers: z.array(container).default([]),
  volumes: z.array(named).default([]),
  securityContext: mapping.default({}),
});

const texts = z.record(z.string(), z.string());
const metadata = z.looseObject({
  name: z.string(),
  namespace: z.string(),
  labels: texts,
  annotations: texts.default({}),
});

const deployment = z.looseObject({
  apiVersion: z.string(),
  kind: z.literal('Deployment'),
  metadata,
  spec: z.looseObject({
    selector: z.looseObject({ matchLabels: texts }),
    template: z.object({ metadata: z.looseObject({ labels: texts, annotations: texts.default({}) }), spec: podSpec }),
  }),
});

const service = z.looseObject({
  apiVersion: z.string(),
  kind: z.literal('Service'),
  metadata,
  spec: mapping,
});

/** The objects of one reward. */
const objects = z.object({ service, deployment });

const downloader = container.extend({ envFrom: z.array(mapping).default([]) });

const schema = z.object({
  address: nonEmptyText.describe('Where the coordinator calls it.'),
  port: z.int().min(1).max(65535).describe('Where it listens unless it has a port of its own.'),
  projectPath: z.string().regex(/^\//).describe('Directory that paths without a volume of their own are relative to.'),
  imageVolumes: z.boolean().describe('Whether the cluster mounts images as volumes.'),
  pullPolicy: z.enum(['Always', 'IfNotPresent', 'Never']).describe('Of images.'),
  images: z.object({ cpu: nonEmptyText, cuda: nonEmptyText }).describe('Of the reward service.'),
  hosted: objects.describe("Of a reward that the platform's own service hosts."),
  image: objects.describe("Of a user's own container."),
  downloads: z.object({ http: downloader, s3: downloader }).describe('Init containers that download a model.'),
});

/** The templates for the objects of a RewardService. Texts have placeholders: see {@link filled}. */
export type RewardTemplates = z.output<typeof schema>;

/** The objects of one reward. */
export type RewardObjects = z.output<typeof objects>;

/** A container. */
export type Container = z.output<typeof container>;

/** An environment variable. */
export type Variable = z.output<typeof environment>;

/**
 * Reads the file of templates.
 *
 * @throws UserError if it cannot be read; ConfigError with the location of every problem
 */
export function readTemplates(file: string): RewardTemplates {
  return parseYaml(schema, namedText('REWARD_TEMPLATES', file), { source: file });
}

/** Returns a copy with `__key__` in texts replaced by values. */
export function filled<T>(template: T, values: Readonly<Record<string, string>>): T {
  const fill = (value: unknown): unknown => {
    if (typeof value === 'string')
      return value.replaceAll(/__([a-z0-9]+)__/gi, (all, key: string) => values[key] ?? all);
    if (Array.isArray(value)) return value.map(fill);
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([key, held]) => [key, fill(held)]));
  };
  return fill(template) as T;
}
