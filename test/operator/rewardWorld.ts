/** RewardServices in the world of the tests: their objects, and a process that stands in for the pods, since there are no nodes. */
import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { checkHealth } from '@gapo/rpc';
import { project } from '../platform.fixture.js';
import { Supervised } from '../processes/supervised.js';
import { until, type World } from './world.js';

/** The fields of a Deployment that the tests read. */
export interface DeploymentObject {
  metadata: {
    name: string;
    generation: number;
    labels: Record<string, string>;
    ownerReferences?: { kind: string; name: string; uid: string; controller: boolean }[];
  };
  spec: {
    replicas: number;
    template: {
      metadata: { labels: Record<string, string>; annotations?: Record<string, string> };
      spec: { containers: { image: string; env: { name: string; value?: string }[] }[]; volumes: { name: string }[] };
    };
  };
}

/** The fields of a RewardService that the tests read. */
export interface RewardObject {
  metadata: { name: string; uid: string; generation: number };
  status?: {
    observedGeneration?: number;
    kind?: string;
    address?: string;
    pods?: string;
    conditions?: { type: string; status: string; reason: string; message: string }[];
  };
}

/** RewardServices in a world. */
export class RewardWorld {
  readonly #world: World;
  readonly #processes: Supervised[] = [];

  constructor(world: World) {
    this.#world = world;
  }

  /** Applies a RewardService. */
  apply(name: string, spec: object, ...args: string[]): { status: number; output: string } {
    return this.#world.applyObject({ kind: 'RewardService', metadata: { name }, spec }, ...args);
  }

  read(name: string): RewardObject {
    return this.#get('rewardservice', name) ?? assert.fail(`no RewardService ${name}`);
  }

  /** Returns the Deployment of a RewardService; undefined if there is none. */
  deployment(name: string): DeploymentObject | undefined {
    return this.#get('deployment', `gapo-reward-${name}`);
  }

  /** Whether there is a Service for it. */
  hasService(name: string): boolean {
    return this.#get('service', `gapo-reward-${name}-headless`) !== undefined;
  }

  /** Waits until it has a Deployment and returns it. */
  async deployed(name: string): Promise<DeploymentObject> {
    return (await until(`${name}: a Deployment`, () => this.deployment(name), (one) => one !== undefined)) ?? assert.fail(); // prettier-ignore
  }

  /** Waits until a condition of a RewardService has a given status and reason. Returns its message. */
  async condition(name: string, type: string, expected: string): Promise<string> {
    const read = (): string => {
      const found = this.read(name).status?.conditions?.find((one) => one.type === type);
      return found === undefined ? '' : `${found.status} ${found.reason}: ${found.message}`;
    };
    return until(`${name}: ${type} ${expected}`, read, (text) => text.startsWith(`${expected}: `));
  }

  /** Writes the status that the Deployment controller would write once all pods are ready. */
  async markReady(name: string, ready?: number): Promise<void> {
    const { metadata, spec } = await this.deployed(name);
    const count = ready ?? spec.replicas;
    const status = {
      observedGeneration: metadata.generation,
      replicas: spec.replicas,
      updatedReplicas: spec.replicas,
      readyReplicas: count,
      availableReplicas: count,
    };
    this.#world.kubectl('patch', 'deployment', metadata.name, '--subresource=status', '--type=merge', '-p', JSON.stringify({ status })); // prettier-ignore
  }

  /** Starts the process of a Deployment's container, on the single port that the operator uses for all rewards, and waits until it serves. */
  async startProcess(name: string): Promise<Supervised> {
    const { spec } = await this.deployed(name);
    const { metadata, spec: pod } = spec.template;
    const [container = assert.fail()] = pod.containers;
    const given = Object.fromEntries(container.env.map(({ name: variable, value = '' }) => [variable, value]));
    const root = join(this.#world.folder, `pod-${name}`);
    const file = given['REWARD_RULES'] ?? assert.fail('the container has no rules');
    const rules = metadata.annotations?.['gapo.dev/rules'] ?? assert.fail('the pod has no rules');
    await mkdir(dirname(join(root, file)), { recursive: true });
    await writeFile(join(root, file), rules);
    const address = `127.0.0.1:${this.#world.rewardPort}`;
    const { LISTEN_HEALTH: _, ...env } = given;
    const service = new Supervised(
      {
        name,
        program: process.execPath,
        args: [join(project, 'services/reward/dist/main.js')],
        cwd: project,
        env: { ...env, LISTEN: address, REWARD_RULES: join(root, file) },
        log: join(this.#world.folder, `pod-${name}.log`),
      },
      () => undefined,
    );
    service.start();
    this.#processes.push(service);
    await until(`${name} serves`, () => checkHealth(address, 2000).catch(() => ''), (state) => state === 'SERVING'); // prettier-ignore
    return service;
  }

  /** Ends the processes. */
  async remove(): Promise<void> {
    await Promise.all(this.#processes.map((one) => one.stop()));
  }

  #get<T>(kind: string, name: string): T | undefined {
    const { status, output } = this.#world.tryKubectl('get', kind, name, '--output', 'json');
    return status === 0 ? (JSON.parse(output) as T) : undefined;
  }
}
