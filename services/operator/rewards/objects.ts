/** The Deployment and the Service of a RewardService. Pure functions: the reconciler applies what they return. */
import { posix } from 'node:path';
import { rewardKinds, textVariable, variableOf } from '@gapo/config';
import { UserError, yamlText } from '@gapo/service';
import type { AppliedObject } from '../kubernetes/ownedObjects.js';
import { group, rewardServices, version } from '../resource/names.js';
import { sourceOf, type RewardService, type RewardServiceSpec } from '../resource/rewardService.js';
import { filled, type Container, type RewardObjects, type RewardTemplates, type Variable } from './templates.js';

/** The label with the name of the RewardService that an object belongs to. */
export const ownerLabel = 'gapo.dev/reward-service';

/** The label of pods that may call servers outside the cluster. */
const outsideLabel = 'gapo.dev/outside';
/** The annotation of pods with the rules of the spec, which the pod sees as a file. Different rules mean new pods. */
const rulesAnnotation = 'gapo.dev/rules';

/** Where the pod sees what the spec names. */
const filesPath = '/etc/gapo/reward';
const rulesFile = 'rules.yaml';
/** Where it sees a model that has its own volume, and that volume's name. */
const modelPath = '/reward';
const modelVolume = 'model-reward-service';
/** Default disk space for a download. */
const defaultSizeLimit = '10Gi';

/** What a pod has for one source in addition to the template. */
interface Additions {
  readonly env: readonly Variable[];
  readonly volumes: readonly NamedValue[];
  readonly mounts: readonly NamedValue[];
  readonly initContainers: readonly Container[];
  readonly annotations: Readonly<Record<string, string>>;
  readonly callsOutside: boolean;
}

type NamedValue = { readonly name: string } & Readonly<Record<string, unknown>>;

const nothing: Additions = {
  env: [],
  volumes: [],
  mounts: [],
  initContainers: [],
  annotations: {},
  callsOutside: false,
};

/** Returns the address at which the coordinator calls a RewardService. */
export function addressOf({ metadata, spec }: RewardService, templates: RewardTemplates): string {
  if (spec.endpoint !== undefined) return spec.endpoint.address;
  return filled(templates.address, { name: metadata.name, port: String(portOf(spec, templates)) });
}

function portOf({ image }: RewardServiceSpec, { port }: RewardTemplates): number {
  return image?.port ?? port;
}

/**
 * Returns the objects that a RewardService needs in the cluster, in the order in which they are applied; none for an
 * endpoint.
 *
 * @throws UserError for a spec that does not fit the release
 */
export function objectsOf(resource: RewardService, templates: RewardTemplates): AppliedObject[] {
  const { metadata, spec } = resource;
  const source = sourceOf(spec);
  if (source === 'endpoint') return [];
  const { name } = metadata;
  const values = {
    name,
    objective: spec.objective ?? name,
    ...(spec.image && { image: spec.image.reference }),
  };
  const template = filled(source === 'image' ? templates.image : templates.hosted, values);
  const { service, deployment } = withPort(template, templates.port, portOf(spec, templates));
  const additions = additionsOf(spec, templates, values.objective);
  return [
    { ...service, metadata: ownedMetadata(service.metadata, resource) },
    {
      ...deployment,
      metadata: ownedMetadata(deployment.metadata, resource),
      spec: {
        ...deployment.spec,
        ...(spec.replicas !== undefined && { replicas: spec.replicas }),
        template: podOf(deployment.spec.template, resource, additions, templates),
      },
    },
  ];
}

/** Metadata of an object that is deleted with its RewardService. */
function ownedMetadata(
  { labels, ...metadata }: RewardObjects['service']['metadata'],
  { metadata: { name, uid } }: RewardService,
): AppliedObject['metadata'] {
  const owner = {
    apiVersion: `${group}/${version}`,
    kind: rewardServices.kind,
    name,
    uid,
    controller: true,
    blockOwnerDeletion: true,
  };
  return { ...metadata, labels: { ...labels, ...ownLabels(name) }, ownerReferences: [owner] };
}

function ownLabels(name: string): Record<string, string> {
  return { 'app.kubernetes.io/managed-by': 'gapo-operator', [ownerLabel]: name };
}

type PodTemplate = RewardObjects['deployment']['spec']['template'];

function podOf(
  { metadata, spec: pod }: PodTemplate,
  { metadata: { name }, spec }: RewardService,
  additions: Additions,
  { images }: RewardTemplates,
): object {
  const [main, ...others] = pod.containers;
  const { image, model, resources, envFrom } = spec;
  const container = {
    ...main,
    ...(model?.variant && { image: images[model.variant] }),
    ...(image?.command && { command: image.command }),
    ...(image?.args && { args: image.args }),
    ...(resources && { resources }),
    ...(envFrom && { envFrom: [...listOf(main['envFrom']), ...envFrom] }),
    env: mergedEnvironment(main.env, additions.env, spec.env ?? []),
    volumeMounts: [...main.volumeMounts, ...additions.mounts],
  };
  return {
    metadata: {
      ...metadata,
      labels: {
        ...spec.podLabels,
        ...metadata.labels,
        ...ownLabels(name),
        ...(additions.callsOutside && { [outsideLabel]: 'true' }),
      },
      annotations: { ...metadata.annotations, ...spec.podAnnotations, ...additions.annotations },
    },
    spec: {
      ...pod,
      ...(spec.nodeSelector && { nodeSelector: spec.nodeSelector }),
      ...(spec.tolerations && { tolerations: spec.tolerations }),
      ...(spec.affinity && { affinity: spec.affinity }),
      ...(spec.priorityClassName && { priorityClassName: spec.priorityClassName }),
      ...(spec.runtimeClassName && { runtimeClassName: spec.runtimeClassName }),
      securityContext: { ...pod.securityContext, ...(image?.runAsUser && { runAsUser: image.runAsUser }) },
      initContainers: [...pod.initContainers, ...additions.initContainers],
      containers: [container, ...others],
      volumes: [...withCertificate(pod.volumes, spec.tlsSecretName), ...additions.volumes],
    },
  };
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/**
 * Joins variables. A later one replaces an earlier one with the same name, because server-side apply refuses duplicate
 * names.
 */
function mergedEnvironment(...lists: readonly (readonly Variable[])[]): Variable[] {
  return [...new Map(lists.flat().map((variable) => [variable.name, variable])).values()];
}

/** @throws UserError if the release has no certificates */
function withCertificate(volumes: readonly NamedValue[], secretName: string | undefined): readonly NamedValue[] {
  if (secretName === undefined) return volumes;
  if (!volumes.some(({ name }) => name === 'tls')) {
    throw new UserError(
      'spec.tlsSecretName: the release has tls.mode insecure, and its pods get no certificate; remove the field',
    );
  }
  const secret = (volume: NamedValue): NamedValue => ({
    ...volume,
    secret: { ...(typeof volume['secret'] === 'object' ? volume['secret'] : {}), secretName },
  });
  return volumes.map((volume) => (volume.name === 'tls' ? secret(volume) : volume));
}

/**
 * Replaces the port in a Service, a container and its probes.
 *
 * @throws UserError if the port has another use in the pod, such as the probes' port with TLS
 */
function withPort(template: RewardObjects, usual: number, port: number): RewardObjects {
  const others = template.deployment.spec.template.spec.containers.flatMap(({ ports = [] }) => ports);
  const taken = others.find(({ containerPort }) => containerPort === port && port !== usual);
  if (taken !== undefined) {
    throw new UserError(`spec.image.port: ${port} is the pod's port of ${taken.name}; let the image listen on another`);
  }
  const keys = new Set(['port', 'containerPort']);
  const replaced = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(replaced);
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(
      Object.entries(value).map(([key, held]) => [key, keys.has(key) && held === usual ? port : replaced(held)]),
    );
  };
  return port === usual ? template : (replaced(template) as RewardObjects);
}

function additionsOf(spec: RewardServiceSpec, templates: RewardTemplates, objective: string): Additions {
  const { rules, model, image, text } = spec;
  if (image !== undefined) return { ...nothing, callsOutside: true };
  const added =
    rules === undefined ? modelAdditions(model ?? {}, templates) : rulesAdditions(rules, templates, objective);
  const kind: keyof typeof rewardKinds = rules === undefined ? 'onnx' : 'rules';
  const env = [
    { name: 'REWARD_KIND', value: kind },
    ...(text === undefined ? [] : [{ name: textVariable, value: text }]),
    ...added.env,
  ];
  return { ...added, env };
}

type Rules = NonNullable<RewardServiceSpec['rules']>;
type Model = NonNullable<RewardServiceSpec['model']>;

function rulesAdditions({ inline, configMap, path }: Rules, templates: RewardTemplates, objective: string): Additions {
  const variable = (value: string): Variable => ({ name: variableOf('rules'), value });
  if (path !== undefined) return { ...nothing, env: [variable(posix.resolve(templates.projectPath, path))] };
  const volume =
    configMap === undefined
      ? {
          downwardAPI: {
            items: [
              {
                path: rulesFile,
                fieldRef: { apiVersion: 'v1', fieldPath: `metadata.annotations['${rulesAnnotation}']` },
              },
            ],
          },
        }
      : { configMap: { name: configMap.name, items: [{ key: configMap.key, path: rulesFile }] } };
  return {
    ...nothing,
    env: [variable(posix.join(filesPath, rulesFile))],
    volumes: [{ name: 'rules', ...volume }],
    mounts: [{ name: 'rules', mountPath: filesPath, readOnly: true }],
    annotations: inline === undefined ? {} : { [rulesAnnotation]: yamlText({ objective, ...inline }) },
  };
}

function modelAdditions(model: Model, templates: RewardTemplates): Additions {
  const { path = '.', existingClaim, image, download } = model;
  const variable = (value: string): Variable => ({ name: variableOf('model'), value });
  const volume = volumeOf(model, templates);
  if (volume === undefined) return { ...nothing, env: [variable(posix.resolve(templates.projectPath, path))] };
  const isDownloaded = existingClaim === undefined && image === undefined && download !== undefined;
  return {
    ...nothing,
    env: [variable(posix.join(modelPath, path))],
    volumes: [{ name: modelVolume, ...volume }],
    mounts: [{ name: modelVolume, mountPath: modelPath, readOnly: true }],
    initContainers: isDownloaded ? [downloaderOf(download, templates)] : [],
    callsOutside: isDownloaded,
  };
}

/** @throws UserError for an image, if the cluster would silently drop it */
function volumeOf(
  { existingClaim, image, download }: Model,
  { imageVolumes, pullPolicy }: RewardTemplates,
): object | undefined {
  if (existingClaim !== undefined) return { persistentVolumeClaim: { claimName: existingClaim, readOnly: true } };
  if (image !== undefined) {
    if (!imageVolumes) {
      throw new UserError(
        'spec.model.image: mounting an image as a volume needs Kubernetes 1.35; use existingClaim or download',
      );
    }
    return { image: { reference: image, pullPolicy } };
  }
  return download && { emptyDir: { sizeLimit: download.sizeLimit ?? defaultSizeLimit } };
}

const s3 = 's3://';

function downloaderOf(download: NonNullable<Model['download']>, { downloads }: RewardTemplates): Container {
  const { url, sha256 = '', endpoint = '', region = '', secret } = download;
  const template = url.startsWith(s3) ? downloads.s3 : downloads.http;
  const values = { url: url.startsWith(s3) ? url.slice(s3.length) : url, sha256, endpoint, region };
  const { env, envFrom, ...container } = filled(template, { ...values, ...(secret && { secret }) });
  return {
    ...container,
    // An empty endpoint or region would be used as is.
    env: env.filter(({ name, value }) => value !== '' || !name.startsWith('AWS_')),
    ...(secret !== undefined && { envFrom }),
  };
}
