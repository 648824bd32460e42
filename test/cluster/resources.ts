/** Runs and rewards as resources: operator pods that end while a run trains, and a reward that is added to a run without a restart. */
import { setTimeout as delay } from 'node:timers/promises';
import { parse } from 'yaml';
import { say } from '../processes/program.js';
import { apply, get, kubectl, kubectlShown, tryApply, tryKubectl } from './programs.js';
import { install, release } from './release.js';
import { configurationText } from './training.js';

interface Condition {
  type: string;
  status: string;
}
interface Resource {
  metadata: { name: string; uid: string };
  status?: {
    phase?: string;
    message?: string;
    step?: number;
    /** Such as `helpful 0.512, harmless 0.764`. */
    rewards?: string;
    versionSha256?: string;
    conditions?: Condition[];
  };
}
interface Pods {
  items: { metadata: { name: string; uid: string } }[];
}

const apiVersion = 'gapo.dev/v1alpha1';
const patience = 5 * 60_000;

/** Resources of one namespace. */
class Resources {
  readonly #namespace: string;

  constructor(namespace: string) {
    this.#namespace = namespace;
  }

  object(kind: 'TrainingRun' | 'RewardService', name: string, spec: object): object {
    return { apiVersion, kind, metadata: { name, namespace: this.#namespace }, spec };
  }

  kubectl(...args: string[]): string {
    return kubectl('-n', this.#namespace, ...args);
  }

  patch(name: string, spec: object): void {
    this.kubectl('patch', 'trainingrun', name, '--type=merge', '--patch', JSON.stringify({ spec }));
  }

  /** Waits until the status of a run is as expected. Returns the seconds that it took. */
  async until(name: string, what: string, is: (status: NonNullable<Resource['status']>) => boolean): Promise<number> {
    const begin = performance.now();
    for (;;) {
      const status = this.status(name);
      if (is(status)) return (performance.now() - begin) / 1000;
      const over = ['Failed', 'Cancelled', 'Succeeded'].includes(status.phase ?? '');
      if (over || performance.now() - begin > patience)
        throw new Error(`${name}: ${what}: the run is ${status.phase} at step ${status.step}: ${status.message}`);
      await delay(500);
    }
  }

  status(name: string): NonNullable<Resource['status']> {
    return get<Resource>('-n', this.#namespace, 'trainingrun', name).status ?? {};
  }

  /** The uids of all pods except those of one component. */
  podsBut(component: string): string[] {
    const selector = `app.kubernetes.io/component!=${component}`;
    const { items } = get<Pods>('-n', this.#namespace, 'pods', '--selector', selector);
    return items.map(({ metadata }) => `${metadata.name} ${metadata.uid}`).sort();
  }
}

/** Trains a run while its operators end one after another. */
async function trainWhileOperatorsEnd(resources: Resources, config: object, expected: string): Promise<void> {
  const name = 'resource';
  const operator = 'app.kubernetes.io/component=operator';
  apply([resources.object('TrainingRun', name, { config })]);
  await resources.until(name, 'a first step', ({ step = 0 }) => step >= 1);
  for (const force of [[], ['--grace-period=0', '--force']]) {
    const { step: before = 0 } = resources.status(name);
    resources.kubectl('delete', 'pods', '--selector', operator, '--wait', ...force);
    const seconds = await resources.until(name, 'the next status', ({ step = 0 }) => step > before + 1);
    say(
      `           both operators deleted${force.length > 0 ? ' by force' : ''}: the next status after ${seconds.toFixed(1)} s`,
    );
  }
  const wait = ['wait', '--for=condition=Complete', `trainingrun/${name}`, '--timeout=15m'];
  resources.kubectl(...wait);
  kubectlShown('get', 'trainingruns', '--all-namespaces');
  const found = resources.status(name).versionSha256;
  if (found !== expected) throw new Error(`the adapter of ${name} is ${found}, and that of this machine ${expected}`);
  say(`           TrainingRun ${name}: the same adapter`);
}

/** Adds a reward to a run in training, pauses it, resumes it, and removes the reward and the run. */
async function steerARun(resources: Resources, config: object): Promise<void> {
  const [name, reward] = ['steered', 'concise'];
  const objectives = ['helpful', 'harmless'].map((each) => ({ name: each }));
  apply([resources.object('TrainingRun', name, { config: { ...config, steps: 10_000 } })]);
  await resources.until(name, 'a first step', ({ step = 0 }) => step >= 1);
  const pods = resources.podsBut(`reward-${reward}`);
  const rules = { inline: { rules: [{ kind: 'length', target: 12, scale: 10 }] } };
  apply([resources.object('RewardService', reward, { rules })]);
  resources.patch(name, { objectives: [...objectives, { name: reward, rewardService: reward }] });
  const added = await resources.until(name, 'a step with the reward', ({ rewards = '' }) => rewards.includes(reward));
  say(`           a step with the reward ${reward} ${added.toFixed(1)} s after kubectl apply`);
  const after = resources.podsBut(`reward-${reward}`);
  if (after.join() !== pods.join()) throw new Error(`other pods were replaced: ${pods.join()} became ${after.join()}`);

  resources.patch(name, { suspend: true });
  await resources.until(name, 'suspended', ({ phase }) => phase === 'Suspended');
  const { step: suspended = 0 } = resources.status(name);
  resources.patch(name, { suspend: false, objectives });
  await resources.until(name, 'two steps after it was resumed', ({ step = 0, rewards = '' }) => step > suspended + 1 && !rewards.includes(reward)); // prettier-ignore

  resources.kubectl('delete', 'rewardservice', reward, '--wait');
  const deployment = `deployment/${release}-reward-${reward}`;
  resources.kubectl('wait', '--for=delete', deployment, '--timeout=60s');
  resources.kubectl('delete', 'trainingrun', name, '--wait', '--timeout=60s');
  say('           the reward and its pods are gone, and so is the run');
}

/**
 * Checks that the API server refuses mistakes with the path of the field.
 *
 * @throws Error if it is not
 */
function refuseMistakes(resources: Resources, config: object): void {
  const { status, output } = tryApply([resources.object('TrainingRun', 'wrong', { config: { ...config, steps: 0 } })]);
  if (status === 0 || !output.includes('spec.config.steps')) throw new Error(`not refused at spec.config.steps: ${output}`); // prettier-ignore
}

const definitions = ['trainingruns.gapo.dev', 'rewardservices.gapo.dev'];

/** The definitions present in the cluster. */
export const presentDefinitions = (): string[] =>
  definitions.filter((name) => tryKubectl('get', 'customresourcedefinition', name).status === 0);

/** Removes definitions and all of their resources, except definitions that were there before. */
export function removeDefinitions(before: readonly string[]): void {
  for (const name of presentDefinitions()) {
    if (!before.includes(name)) tryKubectl('delete', 'customresourcedefinition', name, '--timeout=60s');
  }
}

/**
 * Installs the operator and tests its resources.
 *
 * @param expected the SHA-256 of the example's adapter
 * @throws Error for the first failure
 */
export async function checkResources(namespace: string, expected: string): Promise<void> {
  install(namespace, 'upgrade', '--set', 'operator.enabled=true', '--set', 'operator.replicas=2');
  const resources = new Resources(namespace);
  const config = parse(configurationText()) as object;
  refuseMistakes(resources, config);
  await trainWhileOperatorsEnd(resources, config, expected);
  await steerARun(resources, config);
  resources.kubectl('delete', 'trainingruns,rewardservices', '--all', '--wait', '--timeout=60s');
}
