/** Faults injected into a release while it trains. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Following } from './following.js';
import { helmBeside, kubectlBeside, shellBeside } from './programs.js';
import { installation, release } from './release.js';
import { settings } from './settings.js';

/** A fault. */
export interface Fault {
  readonly name: string;
  /** Its approximate duration in seconds. It starts only if the run will last that long, so that all of it happens mid-run. */
  readonly seconds: number;
  /** Injects the fault. Resolves once it is over and everything is ready again, or the run has ended. */
  strike(namespace: string, run: Following): Promise<void>;
}

/** The kinds of pods, each with the resource that keeps it alive, and how long a pod keeps serving after its deletion. */
const kinds = [
  ['rollout', 'deployment', 36],
  ['gradient', 'deployment', 36],
  ['reward-helpful', 'deployment', 36],
  ['gateway', 'deployment', 10],
  ['nats', 'statefulset', 0],
  ['coordinator', 'deployment', 0],
] as const;

const component = (name: string): string => `app.kubernetes.io/component=${name}`;

/** Seconds for a pod to start and be used, on a busy machine. */
const startSeconds = 10;
/** How long the API server stays away, in seconds. */
const awaySeconds = 60;

async function ready(namespace: string, resource: string): Promise<void> {
  await kubectlBeside('-n', namespace, 'rollout', 'status', resource, '--timeout=5m');
}

/** Waits until workers have joined, according to the coordinator's log, because name servers return them only after a while. */
async function joined(namespace: string, run: Following, workers: number, since: Date): Promise<void> {
  const log = ['-n', namespace, 'logs', `deployment/${release}-coordinator`, `--since-time=${since.toISOString()}`];
  const count = async () => [...(await kubectlBeside(...log)).matchAll(/"rollout worker \S+ joined"/g)].length;
  while (!run.isOver && (await count()) < workers) await delay(1000);
}

/** Waits until no pod of a component is ending. */
async function ended(namespace: string, name: string, pods: number): Promise<void> {
  const list = ['-n', namespace, 'get', 'pods', '--selector', component(name), '--output', 'name'];
  while ((await kubectlBeside(...list)).trim().split('\n').length > pods) await delay(500);
}

function deletion([name, kind, serves]: (typeof kinds)[number], force: boolean): Fault {
  return {
    name: `${name} pod ${force ? 'deleted by force' : 'deleted'}`,
    seconds: startSeconds + (force ? 0 : serves),
    async strike(namespace) {
      const how = force ? ['--grace-period=0', '--force'] : [];
      await kubectlBeside('-n', namespace, 'delete', 'pods', '--selector', component(name), '--wait', ...how);
      await ready(namespace, `${kind}/${release}-${name}`);
    },
  };
}

/** Scales rollout to three pods and waits until the new ones have had shards in two steps. */
const scalingUp: Fault = {
  name: 'rollout scaled from 1 to 3',
  seconds: 36 + startSeconds,
  async strike(namespace, run) {
    const began = new Date();
    await scaleRollout(namespace, 3);
    await ready(namespace, `deployment/${release}-rollout`);
    await joined(namespace, run, 2, began);
    await run.steps(2);
  },
};

/** Scales it back. The other pods take over the work of the ending ones. */
const scalingDown: Fault = {
  name: 'rollout scaled from 3 to 1',
  seconds: 36 + startSeconds,
  async strike(namespace) {
    await scaleRollout(namespace, 1);
    await ended(namespace, 'rollout', 1);
  },
};

async function scaleRollout(namespace: string, replicas: number): Promise<void> {
  await kubectlBeside('-n', namespace, 'scale', `deployment/${release}-rollout`, `--replicas=${replicas}`);
}

let rolled = 0;
const upgrade: Fault = {
  name: 'helm upgrade that replaces every pod',
  seconds: 60 + 2 * startSeconds,
  async strike(namespace) {
    rolled += 1;
    await helmBeside(...installation(namespace, 'upgrade', '--set-string', `pods.annotations.rolled=${rolled}`));
    for (const [name, , serves] of kinds) if (serves > 0) await ended(namespace, name, 1);
  },
};

async function allReady(namespace: string): Promise<void> {
  await kubectlBeside('wait', 'nodes', '--all', '--for=condition=Ready', '--timeout=5m');
  for (const [name, kind] of kinds) await ready(namespace, `${kind}/${release}-${name}`);
}

/** Faults of the infrastructure below the release, for which the user provides commands. */
function ofTheCluster(): Fault[] {
  const { NODE_STOP, NODE_START, API_STOP, API_START } = settings;
  const faults: Fault[] = [];
  if (NODE_STOP !== undefined && NODE_START !== undefined) {
    faults.push({
      name: 'node restarted',
      seconds: 3 * startSeconds,
      async strike(namespace) {
        await shellBeside(NODE_STOP);
        await shellBeside(NODE_START);
        await allReady(namespace);
      },
    });
  }
  if (API_STOP !== undefined && API_START !== undefined) {
    faults.push({
      name: `API server away for ${awaySeconds} s`,
      seconds: awaySeconds + startSeconds,
      async strike(namespace) {
        await shellBeside(API_STOP);
        await delay(awaySeconds * 1000);
        await shellBeside(API_START);
        await allReady(namespace);
      },
    });
  }
  return faults;
}

/** The faults selected by the settings, in the order in which they strike. */
export function faultsOf(wanted: string): Fault[] {
  const deletions = [false, true].flatMap((force) => kinds.map((kind) => deletion(kind, force)));
  const scalings = Array.from({ length: settings.SCALES }, () => [scalingUp, scalingDown]).flat();
  const all = [...deletions, ...scalings, upgrade, ...ofTheCluster()];
  const parts = wanted.split(',');
  return wanted === 'all' ? all : all.filter(({ name }) => parts.some((part) => name.includes(part)));
}
