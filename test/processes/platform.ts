/** The platform of a long test: supervised processes on ports that stay the same when a process is started again. */
import { mkdirSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { readRewardsFile } from '@gapo/config';
import { findNatsServer } from '@gapo/events';
import { required } from '@gapo/numeric';
import { checkHealth } from '@gapo/rpc';
import { UserError } from '@gapo/service';
import { project } from '../platform.fixture.js';
import { Supervised } from './supervised.js';

/** What is started. */
export interface PlatformOptions {
  /** A directory for data and logs. */
  readonly root: string;
  /** Directories of the runs' files. */
  readonly projectDirectories: readonly string[];
  /** The file of reward services. */
  readonly rewardsFile: string;
  readonly rolloutWorkers: number;
  readonly gradientWorkers: number;
  /** Whether to start the gateway too. @default false */
  readonly gateway?: boolean;
  /** More environment of a service, by its name. @default none */
  readonly env?: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** What runs in place of a service of this project, by the service's name. It gets the same environment. @default none */
  readonly programs?: Readonly<Record<string, { readonly program: string; readonly args: readonly string[] }>>;
  /** Options of Node.js for its services. @default none */
  readonly nodeOptions?: readonly string[] | undefined;
  /** Returns the address at which the other services call one that listens on a port. @default that port of this machine */
  readonly addressOf?: (service: string, port: number) => Promise<string>;
  /** Called when a process ends that was not stopped for good. */
  readonly ended: (service: string, how: string) => void;
}

/** The running services. */
export interface ProcessPlatform {
  readonly coordinator: string;
  readonly nats: string;
  /** The page's address, such as http://127.0.0.1:8080/; undefined without a gateway. */
  readonly page: string | undefined;
  readonly dataDirectory: string;
  /** Where NATS keeps its streams. */
  readonly natsStore: string;
  readonly services: ReadonlyMap<string, Supervised>;
  stop(): Promise<void>;
}

const preload = join(project, 'services/lib/tracing/dist/preload.js');
/** Below the range that systems take the ports of outgoing connections from: those could take the port of a dead service. */
const firstPort = 20_000;
const portRange = 10_000;
/** Concurrent tests, whose process ids are close to each other, look for ports in different places. */
const portStride = 37;

/**
 * Starts the services, and waits until they answer.
 *
 * @throws UserError if nats-server is not installed
 */
export async function startProcesses(options: PlatformOptions): Promise<ProcessPlatform> {
  const { root, rolloutWorkers, gradientWorkers, gateway = false, nodeOptions = [] } = options;
  const { addressOf = async (_, port) => `127.0.0.1:${port}` } = options;
  const natsServer = findNatsServer();
  if (natsServer === undefined)
    throw new UserError('nats-server is not installed: install it (apt-get install nats-server)');
  const [dataDirectory, logs, natsStore] = ['data', 'logs', 'nats'].map((name) => join(root, name)) as [
    string,
    string,
    string,
  ];
  mkdirSync(logs, { recursive: true });
  const rewards = readRewardsFile(options.rewardsFile);
  const workers = (kind: string, count: number): string[] =>
    Array.from({ length: count }, (_, i) => `${kind}-${i + 1}`);
  const [rollout, gradient] = [workers('rollout', rolloutWorkers), workers('gradient', gradientWorkers)];
  const rewardNames = rewards.map(({ name }) => `reward-${name}`);
  const names = [
    'nats',
    ...rewardNames,
    ...rollout,
    ...gradient,
    'coordinator',
    ...(gateway ? ['gateway', 'gateway-grpc'] : []),
  ];
  const free = await unusedPorts(names.length);
  const ports = new Map(names.map((name, i) => [name, free[i] ?? 0]));
  const port = (name: string): number => required(ports.get(name), `the port of ${name}`);
  const listen = (name: string): string => `127.0.0.1:${port(name)}`;
  const addresses = new Map<string, string>();
  for (const name of names) addresses.set(name, await addressOf(name, port(name)));
  const through = (name: string): string => required(addresses.get(name), `the address of ${name}`);

  const services = new Map<string, Supervised>();
  const add = (name: string, program: string, args: readonly string[], env: Readonly<Record<string, string>>): void => {
    const own = { ...env, ...options.env?.[name] };
    const command = { name, program, args, cwd: project, env: own, log: join(logs, `${name}.log`) };
    services.set(name, new Supervised(command, (how) => options.ended(name, how)));
  };
  const addNode = (name: string, folder: string, env: Readonly<Record<string, string>>): void =>
    add(
      name,
      options.programs?.[name]?.program ?? process.execPath,
      options.programs?.[name]?.args ?? [
        ...nodeOptions,
        '--import',
        preload,
        join(project, 'services', folder, 'dist/main.js'),
      ],
      {
        LISTEN: listen(name),
        ...env,
      },
    );
  add('nats', natsServer, ['-a', '127.0.0.1', '-p', String(port('nats')), '-js', '-sd', natsStore], {});
  for (const { name, env } of rewards) addNode(`reward-${name}`, 'reward', { OBJECTIVE: name, ...env });
  for (const [kind, members] of Object.entries({ rollout, gradient })) {
    const env = { COORDINATOR: through('coordinator'), MODEL_CACHE: join(root, 'models'), THREADS: '1' };
    for (const name of members) addNode(name, kind, env);
  }
  addNode('coordinator', 'coordinator', {
    DATA_DIR: dataDirectory,
    PROJECT_DIRS: options.projectDirectories.join(','),
    NATS_URL: `nats://${through('nats')}`,
    ROLLOUT_WORKERS: rollout.map(through).join(),
    GRADIENT_WORKERS: gradient.map(through).join(),
    REWARD_SERVICES: rewards.map(({ name }) => `${name}=${through(`reward-${name}`)}`).join(),
  });
  if (gateway) {
    addNode('gateway', 'gateway', {
      LISTEN_GRPC: listen('gateway-grpc'),
      COORDINATOR: through('coordinator'),
      NATS_URL: `nats://${through('nats')}`,
    });
  }

  const abandon = (): void => {
    for (const service of services.values()) service.abandon();
  };
  process.once('exit', abandon);
  for (const service of services.values()) service.start();
  const answering = names.filter((name) => name !== 'nats' && name !== 'gateway');
  await Promise.all(answering.map((name) => untilServing(listen(name))));
  return {
    coordinator: listen('coordinator'),
    nats: `nats://${listen('nats')}`,
    page: gateway ? `http://${listen('gateway')}/` : undefined,
    dataDirectory,
    natsStore,
    services,
    async stop() {
      for (const name of names.toReversed()) await services.get(name)?.stop();
      process.removeListener('exit', abandon);
    },
  };
}

async function untilServing(address: string): Promise<void> {
  for (;;) {
    if ((await checkHealth(address, 2000).catch(() => '')) === 'SERVING') return;
    await delay(100);
  }
}

/** Returns distinct ports that nothing listens on. */
export async function unusedPorts(count: number): Promise<number[]> {
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
