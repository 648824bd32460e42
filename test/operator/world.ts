/**
 * The common world of the operator's tests: a namespace, the coordinator's processes, and operators with the rights given by the chart.
 */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { connect } from '@gapo/rpc';
import { parse, parseAllDocuments } from 'yaml';
import { apply, get, helm, kubectl, Missing, requirePrograms, tryKubectl } from '../cluster/programs.js';
import { release } from '../cluster/release.js';
import { makeWorkspace, project, type Workspace } from '../platform.fixture.js';
import { startProcesses, unusedPorts, type ProcessPlatform } from '../processes/platform.js';
import type { Training } from '../processes/runToTheEnd.js';

/**
 * Returns why these tests cannot run; false if they can.
 *
 * @throws Error for anything except a missing program or cluster
 */
export function whyNoCluster(): string | false {
  if (process.env['KUBECONFIG'] === undefined) return 'needs an API server: set KUBECONFIG';
  try {
    requirePrograms();
    return false;
  } catch (error) {
    if (error instanceof Missing) return error.message;
    throw error;
  }
}

/** The folder with the definitions of the custom resources. */
const definitions = join(project, 'deploy/helm/gapo/resources');
const definedNames = ['trainingruns.gapo.dev', 'rewardservices.gapo.dev'];

const pollMs = 400;
/** Time after which a wait fails and says what it was waiting for. Generous, because machines that run other tests too are slow. */
const patienceMs = 90_000;

/**
 * Waits until a reading is as expected.
 *
 * @returns the reading
 * @throws Error with the last reading if it does not happen in time
 */
export async function until<T>(what: string, read: () => T | Promise<T>, accept: (value: T) => boolean): Promise<T> {
  const end = performance.now() + patienceMs;
  for (;;) {
    const value = await read();
    if (accept(value)) return value;
    if (performance.now() > end) throw new Error(`${what}: not in time, found ${JSON.stringify(value)}`);
    await delay(pollMs);
  }
}

/** The parts of a TrainingRun that the tests read. */
export interface TrainingRunObject {
  metadata: { name: string; uid: string; labels?: Record<string, string>; finalizers?: string[]; generation: number };
  spec: {
    config: Record<string, unknown>;
    objectives?: { name: string }[];
    suspend?: boolean;
    preference?: Record<string, number>;
  };
  status?: {
    runId?: string;
    phase?: string;
    message?: string;
    step?: number;
    progress?: string;
    objectives?: { name: string; reward?: number }[];
    preference?: Record<string, number>;
    versionSha256?: string;
    observedGeneration?: number;
    conditions?: { type: string; status: string; reason: string; message: string }[];
  };
}

/** A running operator. */
export interface OperatorProcess {
  readonly identity: string;
  readonly isRunning: () => boolean;
  kill(signal: NodeJS.Signals): Promise<void>;
}

/** The world of the tests. */
export class World {
  readonly namespace: string;
  readonly workspace: Workspace;
  readonly platform: ProcessPlatform;
  readonly training: Training;
  /** The port of the single reward service that stands in for a Deployment's pods. */
  readonly rewardPort: number;
  readonly #folder: string;
  readonly #kubeconfig: string;
  readonly #hadDefinitions: boolean;
  readonly #operators: OperatorProcess[] = [];

  private constructor(
    parts: Pick<World, 'namespace' | 'workspace' | 'platform'> & {
      readonly folder: string;
      readonly kubeconfig: string;
      readonly hadDefinitions: boolean;
      readonly rewardPort: number;
    },
  ) {
    this.namespace = parts.namespace;
    this.workspace = parts.workspace;
    this.platform = parts.platform;
    this.training = connect('gapo.training.v1.TrainingService', parts.platform.coordinator);
    this.#folder = parts.folder;
    this.#kubeconfig = parts.kubeconfig;
    this.rewardPort = parts.rewardPort;
    this.#hadDefinitions = parts.hadDefinitions;
  }

  /** Creates the namespace with the operator's account, and starts the coordinator with its workers. */
  static async create(): Promise<World> {
    const namespace = `gapo-operator-${process.pid}`;
    const hadDefinitions = definedNames.every((name) => tryKubectl('get', 'crd', name).status === 0);
    kubectl('apply', '--server-side', '--force-conflicts', '-f', definitions);
    for (const name of definedNames) kubectl('wait', '--for=condition=Established', `crd/${name}`);
    const labels = { 'pod-security.kubernetes.io/enforce': 'restricted' };
    apply([{ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace, labels } }]);
    // The service account of the release's pods, without which no pod is admitted.
    apply([{ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: release, namespace } }]);
    const folder = await mkdtemp(join(tmpdir(), 'gapo-operator-'));
    const kubeconfig = await operatorAccount(namespace, folder);
    const workspace = await makeWorkspace();
    const platform = await startProcesses({
      root: join(folder, 'platform'),
      projectDirectories: [workspace.directory],
      rewardsFile: join(workspace.directory, 'rewards.yaml'),
      rolloutWorkers: 1,
      gradientWorkers: 1,
      ended: () => undefined,
    });
    const [rewardPort = 0] = await unusedPorts(1);
    await writeTemplates(namespace, join(folder, 'rewards.yaml'), `127.0.0.1:${rewardPort}`);
    return new World({ namespace, workspace, platform, folder, kubeconfig, hadDefinitions, rewardPort });
  }

  /** Starts an operator. */
  async startOperator(identity: string): Promise<OperatorProcess> {
    const preload = join(project, 'services/lib/tracing/dist/preload.js');
    const main = join(project, 'services/operator/dist/main.js');
    const child = spawn(process.execPath, ['--import', preload, main], {
      cwd: project,
      env: {
        PATH: process.env['PATH'],
        LISTEN: '127.0.0.1:0',
        COORDINATOR: this.platform.coordinator,
        BASE_DIRECTORY: this.workspace.directory,
        KUBECONFIG: this.#kubeconfig,
        NAMESPACE: this.namespace,
        REWARD_TEMPLATES: join(this.#folder, 'rewards.yaml'),
        LEASE_NAME: 'gapo-operator',
        LEASE_SECONDS: '6',
        STATUS_SECONDS: '0.5',
        IDENTITY: identity,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const output = createWriteStream(join(this.#folder, `${identity}.log`));
    child.stdout.pipe(output);
    child.stderr.pipe(output);
    const operator = {
      identity,
      isRunning: () => child.exitCode === null && child.signalCode === null,
      kill: (signal: NodeJS.Signals) => ended(child, signal),
    };
    this.#operators.push(operator);
    return operator;
  }

  /** Stops an operator and waits until it has ended. */
  async stop(identity: string, signal: NodeJS.Signals): Promise<void> {
    for (const operator of this.#operators) if (operator.identity === identity) await operator.kill(signal);
  }

  /** The output of the operators. */
  async logs(identity: string): Promise<string> {
    return readFile(join(this.#folder, `${identity}.log`), 'utf8').catch(() => '');
  }

  /** The folder of this world's files. */
  get folder(): string {
    return this.#folder;
  }

  /** Whether an operator is running. */
  get hasOperator(): boolean {
    return this.#operators.some(({ isRunning }) => isRunning());
  }

  /** The current leader. */
  leader(): string {
    const { output } = tryKubectl('-n', this.namespace, 'get', 'lease', 'gapo-operator', '-o', 'jsonpath={.spec.holderIdentity}'); // prettier-ignore
    return output.trim();
  }

  /** Runs kubectl in the namespace. */
  kubectl(...args: string[]): string {
    return kubectl('-n', this.namespace, ...args);
  }

  /** Runs kubectl in the namespace and returns its status and output. */
  tryKubectl(...args: string[]): { status: number; output: string } {
    return tryKubectl('-n', this.namespace, ...args);
  }

  /** Applies a TrainingRun, or makes the API server check it (`--dry-run=server`). */
  apply(name: string, spec: object, ...args: string[]): { status: number; output: string } {
    return this.applyObject({ kind: 'TrainingRun', metadata: { name }, spec }, ...args);
  }

  /** Applies a custom resource in the same way. */
  applyObject(given: object, ...args: string[]): { status: number; output: string } {
    const object = { apiVersion: 'gapo.dev/v1alpha1', ...given };
    const { status, stdout, stderr } = spawnSync(
      process.env['KUBECTL'] || 'kubectl',
      ['-n', this.namespace, 'apply', ...args, '-f', '-'],
      { input: JSON.stringify(object), encoding: 'utf8' },
    );
    return { status: status ?? 1, output: `${stdout}${stderr}` };
  }

  /** Merges a patch into a TrainingRun. */
  patch(name: string, patch: object): { status: number; output: string } {
    return this.tryKubectl('patch', 'trainingrun', name, '--type=merge', '-p', JSON.stringify(patch));
  }

  read(name: string): TrainingRunObject {
    return get<TrainingRunObject>('-n', this.namespace, 'trainingrun', name);
  }

  /** Waits until the status of a TrainingRun is as expected. */
  async status(
    name: string,
    what: string,
    accept: (status: NonNullable<TrainingRunObject['status']>, object: TrainingRunObject) => boolean,
  ): Promise<TrainingRunObject> {
    return until(
      `${name}: ${what}`,
      () => this.read(name),
      (object) => accept(object.status ?? {}, object),
    );
  }

  /** Removes everything. */
  async remove(): Promise<void> {
    // A running operator would add its finalizer again.
    for (const operator of this.#operators) await operator.kill('SIGKILL');
    for (const { metadata } of get<{ items: TrainingRunObject[] }>('-n', this.namespace, 'trainingruns').items) {
      this.patch(metadata.name, { metadata: { finalizers: null } });
    }
    this.training.close();
    await this.platform.stop();
    kubectl('delete', 'namespace', this.namespace, '--wait=false');
    if (!this.#hadDefinitions) kubectl('delete', '-f', definitions, '--wait=false');
    await this.workspace.remove();
    await rm(this.#folder, { recursive: true, force: true });
  }
}

async function ended(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill(signal);
  await exited;
}

/** Writes the templates for rewards that the chart gives the operator; all rewards are called at one address of this machine. */
async function writeTemplates(namespace: string, file: string, address: string): Promise<void> {
  const text = rendered(namespace, 'templates/rewardservices.yaml');
  const [map] = parseAllDocuments(text).map((document) => document.toJS() as { data: Record<string, string> });
  const templates = parse(map?.data['rewards.yaml'] ?? '') as object;
  await writeFile(file, JSON.stringify({ ...templates, address }));
}

function rendered(namespace: string, template: string): string {
  return helm(
    'template',
    release,
    'deploy/helm/gapo',
    ...['--namespace', namespace, '--kube-version', '1.37.0', '--set', 'tls.mode=insecure,operator.enabled=true'],
    ...['--show-only', template],
  );
}

/** Creates the operator's account with the chart's own rights. Returns the kubeconfig with which it calls the API server. */
async function operatorAccount(namespace: string, folder: string): Promise<string> {
  const text = rendered(namespace, 'templates/operator.yaml');
  const kinds = ['ServiceAccount', 'Role', 'RoleBinding'];
  const objects = parseAllDocuments(text).map((document) => document.toJS() as { kind: string });
  apply(objects.filter(({ kind }) => kinds.includes(kind)));
  const token = kubectl('-n', namespace, 'create', 'token', 'gapo-operator', '--duration=2h').trim();
  interface View {
    clusters: { name: string; cluster: object }[];
  }
  const { clusters } = JSON.parse(kubectl('config', 'view', '--raw', '--minify', '--flatten', '-o', 'json')) as View;
  const name = clusters[0]?.name ?? '';
  const file = join(folder, 'kubeconfig');
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters,
    users: [{ name: 'operator', user: { token } }],
    contexts: [{ name: 'operator', context: { cluster: name, user: 'operator', namespace } }],
    'current-context': 'operator',
  };
  await writeFile(file, JSON.stringify(config), { mode: 0o600 });
  return file;
}
