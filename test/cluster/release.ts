/** A release of the chart in its own namespace, with certificates from its own authority. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { project } from '../platform.fixture.js';
import { say } from '../processes/program.js';
import { apply, get, helm, kubectl, Missing, tryApply } from './programs.js';
import { settings } from './settings.js';

/** The release's name, as in deploy/README.md. */
export const release = 'gapo';

const components = [
  'coordinator',
  'rollout',
  'gradient',
  'gateway',
  'cli',
  'operator',
  'nats',
  'reward-helpful',
  'reward-harmless',
  'reward-services',
];

/** Creates a namespace that enforces the restricted Pod Security Standard. */
export function createNamespace(name: string): void {
  const level = (mode: string): [string, string] => [`pod-security.kubernetes.io/${mode}`, 'restricted'];
  const labels = Object.fromEntries(['enforce', 'warn', 'audit'].map(level));
  apply([
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels: { ...labels, 'gapo.dev/test': 'cluster' } } },
  ]);
}

interface Rendered {
  kind: string;
  metadata?: { name?: string; namespace?: string };
  spec?: { serviceAccountName?: string; priorityClassName?: string; leaderWorkerTemplate?: Record<string, unknown> };
}

/** Kinds from other projects, which the cluster may not know. */
const foreign = new Set(['Certificate', 'Issuer', 'HTTPRoute', 'GRPCRoute', 'ScaledObject', 'LeaderWorkerSet']);

/** The pods of a LeaderWorkerSet, which the API server can admit without knowing that kind. */
function podsOf({ metadata, spec }: Rendered, namespace: string): Rendered[] {
  return ['leaderTemplate', 'workerTemplate'].flatMap((role) => {
    const template = spec?.leaderWorkerTemplate?.[role] as Rendered | undefined;
    if (template === undefined) return [];
    const name = `${metadata?.name}-${role.toLowerCase()}`;
    return [{ ...template, apiVersion: 'v1', kind: 'Pod', metadata: { ...template.metadata, name, namespace } }];
  });
}

/**
 * Checks that the API server admits the objects of every values file in the project, without keeping anything.
 *
 * @throws Error for objects that it refuses, and for pods that the restricted standard would refuse
 */
export function admitAll(namespace: string): string[] {
  const files = ['deploy/helm/ci', 'deploy/helm/values'].flatMap((folder) =>
    readdirSync(join(project, folder)).map((file) => join(folder, file)),
  );
  const metadata = { name: 'admission', namespace };
  apply([{ apiVersion: 'v1', kind: 'ServiceAccount', metadata }]);
  for (const file of files) {
    const where = ['--namespace', namespace, '--kube-version', '1.35'];
    const text = helm('template', release, 'deploy/helm/gapo', ...where, '--values', file);
    const documents = parseAllDocuments(text).map((document) => document.toJS() as Rendered);
    const objects = [
      ...documents.filter(({ kind }) => !foreign.has(kind)),
      ...documents.flatMap((one) => podsOf(one, namespace)),
    ];
    // Objects referenced by a pod must exist, unlike those referenced by a Deployment's pods.
    for (const { kind, spec } of objects) {
      if (kind !== 'Pod' || spec === undefined) continue;
      spec.serviceAccountName = metadata.name;
      delete spec.priorityClassName;
    }
    const { status, output } = tryApply(objects, '--dry-run=server');
    if (status !== 0 || output.includes('would violate')) throw new Error(`${file}: ${output}`);
  }
  kubectl('-n', namespace, 'delete', 'serviceaccount', metadata.name);
  return files;
}

/** Creates the Secrets of tls.mode secrets: `gapo certs` creates the certificates. */
export function createCertificates(namespace: string): void {
  const directory = mkdtempSync(join(tmpdir(), 'gapo-cluster-certificates-'));
  try {
    const command = ['services/cli/dist/main.js', 'certs', directory, '--host', `${release}-nats`];
    execFileSync(process.execPath, command, { cwd: project, stdio: 'ignore' });
    // A role for each component. NATS is verified by host name, which is in every certificate.
    const roles: Record<string, string> = { cli: 'client', operator: 'client', nats: 'gateway' };
    const read = (file: string): string => readFileSync(join(directory, file)).toString('base64');
    apply(
      components.map((component) => {
        const role = roles[component] ?? component.replace(/-.*/, '');
        const data = { 'tls.crt': read(`${role}.crt`), 'tls.key': read(`${role}.key`), 'ca.crt': read('ca.crt') };
        const metadata = { name: `${release}-${component}-tls`, namespace };
        return { apiVersion: 'v1', kind: 'Secret', type: 'kubernetes.io/tls', metadata, data };
      }),
    );
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

interface StorageClasses {
  items: { metadata: { name: string; annotations?: Record<string, string> } }[];
}
interface Volumes {
  items: {
    metadata: { name: string };
    spec: { storageClassName?: string; capacity: { storage: string } };
    status: { phase: string };
  }[];
}

/**
 * Values for the volumes available in the cluster. Without a default storage class, claims bind existing volumes. If there is only one, the
 * coordinator gets it, and NATS keeps its events in its pod.
 *
 * @throws Missing if there is no volume at all
 */
export function storageValues(): string[] {
  const isDefault = 'storageclass.kubernetes.io/is-default-class';
  const classes = get<StorageClasses>('storageclasses').items;
  if (classes.some(({ metadata }) => metadata.annotations?.[isDefault] === 'true')) return [];
  const free = get<Volumes>('persistentvolumes').items.filter(
    ({ spec, status }) => status.phase === 'Available' && !spec.storageClassName,
  );
  if (free.length === 0)
    throw new Missing('storage: the cluster has no default StorageClass, and no free PersistentVolume');
  if (free.length > 1) return [];
  say('one PersistentVolume and no default StorageClass: NATS keeps its events in its pod');
  return ['--set', 'nats.server.persistence.enabled=false'];
}

/** Values for the location of the images. */
export function imageValues(): string[] {
  const registry = settings.REGISTRY === '' ? [] : ['--set', `image.registry=${settings.REGISTRY}`];
  return [...registry, ...(settings.TAG === '' ? [] : ['--set-string', `image.tag=${settings.TAG}`])];
}

/** The arguments of an installation or an upgrade that waits until the release is ready. */
export function installation(namespace: string, command: 'install' | 'upgrade', ...values: string[]): string[] {
  const reuse = command === 'upgrade' ? ['--reset-then-reuse-values'] : [];
  const args = [command, release, 'deploy/helm/gapo', '--namespace', namespace, ...reuse, ...values];
  return [...args, '--wait', '--timeout', '10m'];
}

/** Installs the chart, or upgrades it, and waits until it is ready. */
export function install(...args: Parameters<typeof installation>): void {
  helm(...installation(...args));
}

/** A command of the gapo program in the release's CLI pod, as in deploy/README.md. */
export const inCli = (namespace: string, ...args: string[]): string[] => [
  ...['-n', namespace, 'exec', `deployment/${release}-cli`, '--'],
  ...['node', 'services/cli/dist/main.js', ...args],
];

/** Returns what is left of the release, by kind and name, except what Kubernetes itself keeps in every namespace. */
export function remains(namespace: string): string[] {
  const kinds = kubectl('api-resources', '--verbs=list', '--namespaced', '--output', 'name').trim().split('\n');
  const listed = kinds.filter(
    (kind) => !/^(events|events\.events\.k8s\.io|endpoints|endpointslices.*|leases.*)$/.test(kind),
  );
  const names = kubectl('-n', namespace, 'get', listed.join(','), '--output', 'name', '--ignore-not-found');
  const own = /^(configmap\/kube-root-ca\.crt|serviceaccount\/default|secret\/gapo-.*-tls)$/;
  return names.split('\n').filter((name) => name !== '' && !own.test(name));
}
