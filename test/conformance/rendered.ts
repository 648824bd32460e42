/** Renders the chart with Helm and parses the result. */
import { execFileSync, spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseAllDocuments } from 'yaml';

const projectRoot = fileURLToPath(new URL('../../../', import.meta.url));
const chart = 'deploy/helm/gapo';
/** A Helm built as a Go module defaults to a version that is years old. */
const kubernetesVersion = '1.37.0';

/** Values files by name: those used only by tests, and those for users. */
export const valuesFiles: ReadonlyMap<string, string> = new Map(
  ['deploy/helm/ci', 'deploy/helm/values'].flatMap((folder) =>
    readdirSync(join(projectRoot, folder)).map((file): [string, string] => [
      file.replace(/(-values)?[.]yaml$/, ''),
      join(folder, file),
    ]),
  ),
);

/** The fields of a Kubernetes object that the tests read. */
export interface KubernetesObject {
  apiVersion: string;
  kind: string;
  metadata: { name: string; labels: Labels; annotations?: Labels };
  data?: Labels;
  spec?: {
    replicas?: number;
    serviceName?: string;
    clusterIP?: string;
    maxUnavailable?: number;
    selector?: Labels | { matchLabels: Labels };
    ports?: { name: string; port: number; targetPort: string }[];
    template?: PodTemplate;
    /** Of a LeaderWorkerSet. */
    leaderWorkerTemplate?: {
      size: number;
      restartPolicy: string;
      leaderTemplate: PodTemplate;
      workerTemplate: PodTemplate;
    };
    /** Of a Deployment. */
    strategy?: { type?: string };
    /** Of a PersistentVolumeClaim. */
    accessModes?: string[];
    /** Of a NetworkPolicy. */
    podSelector?: { matchLabels: Labels };
    policyTypes?: string[];
    ingress?: PolicyRule[];
    egress?: PolicyRule[];
    /** Of a scaler. */
    scaleTargetRef?: { name: string };
    minReplicas?: number;
    /** Of an Ingress and of routes. */
    rules?: { host?: string }[];
    hostnames?: string[];
    /** Of a Certificate. */
    uris?: string[];
    dnsNames?: string[];
    secretName?: string;
    isCA?: boolean;
    issuerRef?: { name: string };
    volumeClaimTemplates?: { metadata: { name: string } }[];
  };
}

/** A pod template. */
export interface PodTemplate {
  metadata: { labels: Labels };
  spec: PodSpec;
}

/** Labels by name. */
export type Labels = Record<string, string>;

/** A rule of a NetworkPolicy: peers and ports; absent means all. */
export interface PolicyRule {
  from?: { podSelector?: { matchLabels: Labels } }[];
  to?: { podSelector?: { matchLabels: Labels } }[];
  ports?: { protocol: string; port?: number }[];
}

/** A pod's specification. */
export interface PodSpec {
  automountServiceAccountToken: boolean;
  serviceAccountName: string;
  enableServiceLinks: boolean;
  securityContext: {
    runAsNonRoot: boolean;
    runAsUser?: number;
    runAsGroup?: number;
    fsGroup?: number;
    seccompProfile: { type: string };
  };
  terminationGracePeriodSeconds: number;
  priorityClassName?: string;
  runtimeClassName?: string;
  topologySpreadConstraints?: { topologyKey: string; labelSelector: { matchLabels: Labels } }[];
  containers: Container[];
  initContainers?: Container[];
  volumes: ({ name: string } & Record<string, unknown>)[];
}

/** A container of a pod. */
export interface Container {
  name: string;
  image: string;
  command?: string[];
  args?: string[];
  env?: { name: string; value?: string; valueFrom?: object }[];
  ports?: { name: string; containerPort: number }[];
  securityContext: {
    allowPrivilegeEscalation: boolean;
    readOnlyRootFilesystem: boolean;
    capabilities: { drop: string[]; add?: string[] };
  };
  resources?: { requests?: Labels; limits?: Labels };
  lifecycle?: { preStop?: { sleep?: { seconds: number } } };
  startupProbe?: Probe;
  readinessProbe?: Probe;
  livenessProbe?: Probe;
  volumeMounts: { name: string; mountPath: string; readOnly?: boolean }[];
}

/** A probe. */
export interface Probe {
  grpc?: { port: number };
  httpGet?: { path: string; port: string };
}

/** The helm program: HELM, otherwise the one on PATH; undefined if it does not run. */
export const helm = findHelm();

function findHelm(): string | undefined {
  const program = process.env['HELM'] || 'helm';
  return spawnSync(program, ['version']).status === 0 ? program : undefined;
}

const { kubernetesVersions } = (await import(new URL('deploy/local/testTools.mjs', `file://${projectRoot}`).href)) as {
  kubernetesVersions: readonly string[];
};

/** Validates objects against the schemas of three Kubernetes versions. */
export const kubeconform = {
  /** Why it cannot run; false if it can. */
  skip: missingTools(),
  /** Returns the problems of objects given as YAML; empty if there are none. */
  problems(input: string): string {
    const [program, schemas] = [process.env['KUBECONFORM'] ?? '', process.env['KUBERNETES_SCHEMAS'] ?? ''];
    // Kinds of cert-manager, KEDA, the Gateway API and LeaderWorkerSet, which are not part of Kubernetes.
    const skipped = 'Certificate,Issuer,ScaledObject,HTTPRoute,GRPCRoute,LeaderWorkerSet';
    const failed = kubernetesVersions.flatMap((version) => {
      const args = ['-strict', '-kubernetes-version', version, '-schema-location', schemas, '-skip', skipped];
      const { status, stdout, stderr } = spawnSync(program, args, { input, encoding: 'utf8' });
      return status === 0 ? [] : [`${version}: ${stdout}${stderr}`];
    });
    return failed.join('\n');
  },
};

function missingTools(): string | false {
  const missing = ['KUBECONFORM', 'KUBERNETES_SCHEMAS'].filter((name) => !process.env[name]);
  return missing.length > 0 ? `${missing.join(' and ')} not set: install Go and run \`make test-tools\`` : false;
}

function template(args: string[], folder = chart): string[] {
  const version = args.includes('--kube-version') ? [] : ['--kube-version', kubernetesVersion];
  return ['template', 'gapo', folder, ...version, ...args];
}

/**
 * Renders the chart with one of the {@link valuesFiles}.
 *
 * @param values the file's name, such as `default`
 */
export function renderText(values: string, ...settings: string[]): string {
  const set = settings.flatMap((setting) => ['--set-json', setting]);
  const args = template(['-f', valuesFiles.get(values) ?? values, ...set]);
  const key = args.join('\n');
  const text = rendered.get(key) ?? execFileSync(helm ?? 'helm', args, { cwd: projectRoot, encoding: 'utf8' });
  rendered.set(key, text);
  return text;
}

/** Cached renderings by Helm's arguments. */
const rendered = new Map<string, string>();

/** Renders a chart in another folder to objects, without TLS, with its own values and those given as --set-json arguments. */
export function renderFolder(folder: string, ...settings: string[]): KubernetesObject[] {
  const set = ['tls.mode="insecure"', ...settings].flatMap((setting) => ['--set-json', setting]);
  return objectsIn(execFileSync(helm ?? 'helm', template(set, folder), { encoding: 'utf8' }));
}

/** Renders the chart to objects, with a values file and the values given as --set-json arguments. */
export function render(values: string, ...settings: string[]): KubernetesObject[] {
  return objectsIn(renderText(values, ...settings));
}

function objectsIn(text: string): KubernetesObject[] {
  return parseAllDocuments(text).map((document) => {
    const [problem] = document.errors;
    if (problem !== undefined) throw problem;
    return document.toJS() as KubernetesObject;
  });
}

/**
 * Helm's error for values given as --set-json arguments, without TLS unless they say otherwise; undefined if Helm accepts them.
 */
export function refusal(...settings: string[]): string | undefined {
  return refusalOn(kubernetesVersion, ...settings);
}

/** The same for a cluster with a given Kubernetes version. */
export function refusalOn(version: string, ...settings: string[]): string | undefined {
  const set = ['tls.mode="insecure"', ...settings].flatMap((setting) => ['--set-json', setting]);
  const args = template(['--kube-version', version, ...set]);
  const { status, stderr } = spawnSync(helm ?? 'helm', args, { cwd: projectRoot, encoding: 'utf8' });
  return status === 0 ? undefined : stderr;
}

/** The pods of objects that run pods: one per template, with the labels that its controller adds to the first pod. */
export function workloads(
  objects: readonly KubernetesObject[],
): { object: KubernetesObject; pod: PodSpec; labels: Labels }[] {
  return objects.flatMap((object) => {
    const { template, leaderWorkerTemplate: group } = object.spec ?? {};
    const templates = group === undefined ? [template] : [group.leaderTemplate, group.workerTemplate];
    const added = object.kind === 'StatefulSet' ? { 'apps.kubernetes.io/pod-index': '0' } : {};
    return templates.flatMap((one) =>
      one === undefined ? [] : [{ object, pod: one.spec, labels: { ...one.metadata.labels, ...added } }],
    );
  });
}

/** The environment variables of a container by name. */
export function environmentOf(container: Container | undefined): Record<string, string> {
  return Object.fromEntries((container?.env ?? []).map(({ name, value }) => [name, value ?? '']));
}
