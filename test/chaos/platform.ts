/** The services of a trial: supervised processes on fixed ports, and the links between them. */
import { mkdirSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { readRewardsFile } from '@gapo/config';
import { findNatsServer } from '@gapo/events';
import { required } from '@gapo/numeric';
import { checkHealth } from '@gapo/rpc';
import { UserError } from '@gapo/service';
import { project } from '../platform.fixture.js';
import { SmallDisk } from './disk.js';
import { Link } from './link.js';
import { Supervised } from './supervised.js';

/** What is started. */
export interface PlatformOptions {
  /** A directory for data and logs. */
  readonly root: string;
  /** The run's files. */
  readonly projectDirectory: string;
  /** The file of reward services. */
  readonly rewardsFile: string;
  readonly rolloutWorkers: number;
  readonly gradientWorkers: number;
  /** Called when a process ends that was not stopped for good. */
  readonly ended: (service: string, how: string) => void;
}

/** The running services. */
export interface ChaosPlatform {
  readonly coordinator: string;
  readonly nats: string;
  readonly dataDirectory: string;
  /** Where NATS keeps its streams. */
  readonly natsStore: string;
  readonly services: ReadonlyMap<string, Supervised>;
  readonly links: ReadonlyMap<string, Link>;
  /** Undefined where this user may not mount one. */
  readonly disk: SmallDisk | undefined;
  stop(): Promise<void>;
}

const preload = join(project, 'services/lib/tracing/dist/preload.js');
/** The preloaded module that shifts a process's clock. */
export const shiftedClock = fileURLToPath(new URL('shiftedClock.js', import.meta.url));
/** Below the range that systems take the ports of outgoing connections from: those could take the port of a dead service. */
const firstPort = 20_000;
const portRange = 10_000;
/** Concurrent trials, whose process ids are close to each other, look for ports in different places. */
const portStride = 37;

/**
 * Starts the services, and waits until they answer.
 *
 * @throws UserError if nats-server is not installed
 */
export async function startChaosPlatform(options: PlatformOptions): Promise<ChaosPlatform> {
  const { root, rolloutWorkers, gradientWorkers } = options;
  const natsServer = findNatsServer();
  if (natsServer === undefined) throw new UserError('nats-server is not installed: install it (apt-get install nats-server)'); // prettier-ignore
  const [dataDirectory, logs, natsStore] = ['data', 'logs', 'nats'].map((name) => join(root, name)) as [string, string, string]; // prettier-ignore
  mkdirSync(logs, { recursive: true });
  const disk = SmallDisk.mount(dataDirectory);
  const rewards = readRewardsFile(options.rewardsFile);
  const workers = (kind: string, count: number): string[] => Array.from({ length: count }, (_, i) => `${kind}-${i + 1}`); // prettier-ignore
  const [rollout, gradient] = [workers('rollout', rolloutWorkers), workers('gradient', gradientWorkers)];
  const rewardNames = rewards.map(({ name }) => `reward-${name}`);
  const names = ['nats', ...rewardNames, ...rollout, ...gradient, 'coordinator'];
  const free = await unusedPorts(names.length);
  const ports = new Map(names.map((name, i) => [name, free[i] ?? 0]));
  const port = (name: string): number => required(ports.get(name), `the port of ${name}`);
  const listen = (name: string): string => `127.0.0.1:${port(name)}`;
  const links = new Map<string, Link>();
  for (const name of names) links.set(name, await Link.open(port(name)));
  const through = (name: string): string => required(links.get(name), `the link to ${name}`).address;

  const services = new Map<string, Supervised>();
  const add = (name: string, program: string, args: readonly string[], env: Readonly<Record<string, string>>): void => {
    const command = { name, program, args, cwd: project, env, log: join(logs, `${name}.log`) };
    services.set(name, new Supervised(command, (how) => options.ended(name, how)));
  };
  const addNode = (name: string, folder: string, env: Readonly<Record<string, string>>): void =>
    add(name, process.execPath, ['--import', preload, join(project, 'services', folder, 'dist/main.js')], {
      LISTEN: listen(name),
      ...env,
    });
  add('nats', natsServer, ['-a', '127.0.0.1', '-p', String(port('nats')), '-js', '-sd', natsStore], {});
  for (const { name, env } of rewards) addNode(`reward-${name}`, 'reward', { OBJECTIVE: name, ...env });
  for (const [kind, members] of Object.entries({ rollout, gradient })) {
    const env = { COORDINATOR: through('coordinator'), MODEL_CACHE: join(root, 'models'), THREADS: '1' };
    for (const name of members) addNode(name, kind, env);
  }
  addNode('coordinator', 'coordinator', {
    DATA_DIR: dataDirectory,
    PROJECT_DIRS: options.projectDirectory,
    NATS_URL: `nats://${through('nats')}`,
    ROLLOUT_WORKERS: rollout.map(through).join(),
    GRADIENT_WORKERS: gradient.map(through).join(),
    REWARD_SERVICES: rewards.map(({ name }) => `${name}=${through(`reward-${name}`)}`).join(),
  });

  const abandon = (): void => {
    for (const service of services.values()) service.abandon();
    disk?.unmount();
  };
  process.once('exit', abandon);
  for (const service of services.values()) service.start();
  await Promise.all(names.filter((name) => name !== 'nats').map((name) => untilServing(listen(name))));
  return {
    coordinator: listen('coordinator'),
    nats: `nats://${listen('nats')}`,
    dataDirectory,
    natsStore,
    services,
    links,
    disk,
    async stop() {
      for (const name of names.toReversed()) await services.get(name)?.stop();
      for (const link of links.values()) link.close();
      process.removeListener('exit', abandon);
      disk?.unmount();
    },
  };
}

/** Removes the streams of a server that is not running. */
export function wipe(natsStore: string): void {
  rmSync(natsStore, { recursive: true, force: true });
}

async function untilServing(address: string): Promise<void> {
  for (;;) {
    if ((await checkHealth(address, 2000).catch(() => '')) === 'SERVING') return;
    await delay(100);
  }
}

/** Returns distinct ports that nothing listens on. */
async function unusedPorts(count: number): Promise<number[]> {
  const found: number[] = [];
  for (let offset = (process.pid * portStride) % portRange; found.length < count; offset = (offset + 1) % portRange) {
    if (await isUnused(firstPort + offset)) found.push(firstPort + offset);
  }
  return found;
}

function isUnused(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
