/** Plans the services of `gapo up`: their addresses, environments and start order. */
import { basename, join } from 'node:path';
import type { RewardEntry } from '@gapo/config';
import type { Role } from '@gapo/rpc';
import { reservePorts } from '@gapo/service';
import { tlsEnvironment } from '../certificates/tlsDirectory.js';
import { localHost, requireFree, type WantedPort } from './ports.js';

/** The services that `gapo up` starts. */
type ServiceFolder = Exclude<Role, 'client'>;

/** One service on this machine. */
export interface ServiceSpec {
  /** Such as `rollout` or `reward-helpful`; also the name of its log. */
  name: string;
  /** Its folder under services/, which is also its role under TLS. */
  folder: ServiceFolder;
  /** What it does, for the services table. */
  does: string;
  /** The address it listens on, such as 127.0.0.1:50051. */
  address: string;
  /** The address of its grpc.health.v1, which shows when it is ready. */
  health: string;
  /** Its environment, in addition to this process's. */
  env: Record<string, string>;
  /** A program to run instead of the service's own. @default the service's own */
  program?: string | undefined;
}

/** Options of the plan. */
export interface PlanOptions {
  rewards: readonly RewardEntry[];
  /** At least 1. */
  rolloutWorkers: number;
  /** `THREADS` of each; undefined for the worker's default. */
  rolloutThreads: number | undefined;
  /** At least 1. */
  gradientWorkers: number;
  /** `THREADS` of each; undefined for the worker's default. */
  gradientThreads: number | undefined;
  /** A program to run instead of the gradient service, with the same environment: a name in PATH, or an absolute path. @default the service */
  gradientProgram?: string | undefined;
  /** The coordinator's port; the others are offsets from it. 0 for free ports. */
  portBase: number;
  /** The web page's port; 0 for a free port. */
  httpPort: number;
  /** Absolute. */
  dataDirectory: string;
  /** The directory of certificates, absolute; undefined without TLS. */
  tls?: string | undefined;
  /** The directories that runs may read from, absolute; undefined: the environment or the coordinator's default decides. */
  projectDirectories: readonly string[] | undefined;
}

/** The default of portBase. */
export const defaultPortBase = 50050;
/** The default of httpPort. */
export const defaultHttpPort = 8080;

/** Groups of services. The services of a group start concurrently, once the previous group is ready. */
export interface Plan {
  groups: ServiceSpec[][];
  coordinator: string;
  /** The web page's URL. */
  page: string;
}

/** A plan whose ports are reserved. */
export interface ReservedPlan extends Plan {
  /** Lets others use the ports that were chosen for the plan. */
  release: () => void;
}

interface Ports {
  coordinator: number;
  rollout: number[];
  gradient: number[];
  rewards: number[];
  gatewayHttp: number;
  gatewayGrpc: number;
}

const numbered = (count: number, at: (i: number) => number): number[] => Array.from({ length: count }, (_, i) => at(i));

/** Returns fixed ports: coordinator at the base, rollout +1, gradient +2, gateway +9, rewards from +11; further workers from +100 and +200. */
export function portsFrom(options: PlanOptions): Ports {
  const { portBase: base } = options;
  return {
    coordinator: base,
    rollout: numbered(options.rolloutWorkers, (i) => (i === 0 ? base + 1 : base + 100 + i)),
    gradient: numbered(options.gradientWorkers, (i) => (i === 0 ? base + 2 : base + 200 + i)),
    rewards: options.rewards.map((entry, i) => entry.port ?? base + 11 + i),
    gatewayHttp: options.httpPort,
    gatewayGrpc: base + 9,
  };
}

async function choosePorts(options: PlanOptions): Promise<{ ports: Ports; release: () => void }> {
  const { portBase, httpPort, rewards, rolloutWorkers, gradientWorkers } = options;
  if (portBase !== 0 && httpPort !== 0) return { ports: portsFrom(options), release: () => undefined };
  const reserved = await reservePorts(portBase === 0 ? rolloutWorkers + gradientWorkers + rewards.length + 3 : 1);
  const free = [...reserved.ports];
  const take = (): number => free.shift() ?? 0;
  const gatewayHttp = httpPort === 0 ? take() : httpPort;
  const ports =
    portBase === 0
      ? {
          coordinator: take(),
          rollout: numbered(rolloutWorkers, take),
          gradient: numbered(gradientWorkers, take),
          rewards: rewards.map(take),
          gatewayHttp,
          gatewayGrpc: take(),
        }
      : { ...portsFrom(options), gatewayHttp };
  return { ports, release: reserved.release };
}

function wantedPorts(ports: Ports, options: PlanOptions): WantedPort[] {
  const option = '--port-base';
  return [
    { port: ports.coordinator, who: 'coordinator', option },
    ...ports.rollout.map((port, i) => ({ port, who: workerName('rollout', i), option })),
    ...ports.gradient.map((port, i) => ({ port, who: workerName('gradient', i), option })),
    ...ports.rewards.map((port, i) => ({ port, who: `reward-${options.rewards[i]?.name ?? i}`, option })),
    { port: ports.gatewayHttp, who: 'gateway (the web page)', option: '--http-port' },
    { port: ports.gatewayGrpc, who: 'gateway (gRPC health)', option },
  ];
}

function workerName(kind: string, i: number): string {
  return i === 0 ? kind : `${kind}-${i + 1}`;
}

const at = (port: number): string => `${localHost}:${port}`;

/**
 * Plans the services without starting them.
 *
 * @throws UserError if a port is taken, or a certificate does not exist
 */
export async function planServices(options: PlanOptions): Promise<ReservedPlan> {
  const { ports, release } = await choosePorts(options);
  try {
    await requireFree(wantedPorts(ports, options));
    return { ...planOn(ports, options), release };
  } catch (error) {
    release();
    throw error;
  }
}

/**
 * Returns the plan for given ports.
 *
 * @throws UserError if a certificate does not exist
 */
export function planOn(ports: Ports, options: PlanOptions): Plan {
  const coordinator = at(ports.coordinator);
  const service = (
    name: string,
    folder: ServiceSpec['folder'],
    does: string,
    port: number,
    env: Record<string, string>,
  ): ServiceSpec => ({
    name,
    folder,
    does,
    address: at(port),
    health: at(port),
    env: { LISTEN: at(port), ...env, ...(options.tls !== undefined && tlsEnvironment(options.tls, folder)) },
  });
  const rewards = options.rewards.map((entry, i) =>
    service(`reward-${entry.name}`, 'reward', `scores ${entry.name} (${entry.kind})`, ports.rewards[i] ?? 0, {
      OBJECTIVE: entry.name,
      ...entry.env,
    }),
  );
  const worker =
    (kind: 'rollout' | 'gradient', does: string, threads: number | undefined) =>
    (port: number, i: number): ServiceSpec =>
      service(workerName(kind, i), kind, does, port, {
        COORDINATOR: coordinator,
        MODEL_CACHE: join(options.dataDirectory, '.models'),
        ...(threads !== undefined && { THREADS: String(threads) }),
      });
  const rollout = ports.rollout.map(worker('rollout', 'samples completions', options.rolloutThreads));
  const program = options.gradientProgram;
  const gradient = ports.gradient
    .map(
      worker(
        'gradient',
        program === undefined ? 'computes gradients' : `computes gradients (${basename(program)})`,
        options.gradientThreads,
      ),
    )
    .map((spec) => ({ ...spec, program }));
  const coordinating = service('coordinator', 'coordinator', 'owns runs and steps', ports.coordinator, {
    DATA_DIR: options.dataDirectory,
    ...(options.projectDirectories && { PROJECT_DIRS: JSON.stringify(options.projectDirectories) }),
    ROLLOUT_WORKERS: rollout.map(({ address }) => address).join(','),
    GRADIENT_WORKERS: gradient.map(({ address }) => address).join(','),
    REWARD_SERVICES: rewards.map(({ address }, i) => `${options.rewards[i]?.name ?? ''}=${address}`).join(','),
  });
  const gateway: ServiceSpec = {
    ...service('gateway', 'gateway', 'serves the web page', ports.gatewayHttp, {
      COORDINATOR: coordinator,
      LISTEN_GRPC: at(ports.gatewayGrpc),
    }),
    health: at(ports.gatewayGrpc),
  };
  return {
    groups: [[...rewards, ...rollout, ...gradient], [coordinating], [gateway]],
    coordinator,
    page: `${options.tls === undefined ? 'http' : 'https'}://${at(ports.gatewayHttp)}/`,
  };
}
