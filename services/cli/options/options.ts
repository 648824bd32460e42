/** Options that several commands share, and the parsers of their values. */
import { availableParallelism, totalmem } from 'node:os';
import { grpcTarget } from '@gapo/service';
import { InvalidArgumentError, Option } from 'commander';
import { defaultHttpPort, defaultPortBase } from '../processes/plan.js';
import { defaultCoordinator, defaultDataDirectory, defaultRewardsFile, isCheckout } from '../project.js';

function integer(text: string, low: number, high: number, what: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < low || value > high) throw new InvalidArgumentError(`Expected ${what}.`);
  return value;
}

/** Parses an integer from 1 to 1000. */
export const positive = (text: string): number => integer(text, 1, 1000, 'an integer from 1 to 1000');
/** Parses a number of days, at most ten years. */
export const positiveDays = (text: string): number => integer(text, 1, 3650, 'an integer from 1 to 3650');
/** Parses an integer of at least 1. */
export const atLeast1 = (text: string): number => integer(text, 1, Number.MAX_SAFE_INTEGER, 'an integer of at least 1');
/** Parses an integer of at least 0. */
export const natural = (text: string): number => integer(text, 0, Number.MAX_SAFE_INTEGER, 'an integer of at least 0');
/** Parses the number of a step. */
export const stepNumber = (text: string): number =>
  integer(text, 1, Number.MAX_SAFE_INTEGER, 'a step, an integer of at least 1');

/** @throws InvalidArgumentError naming `expected` if the text is not a finite number, or does not fit */
function finite(text: string, expected: string, fits: (value: number) => boolean = () => true): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value) || !fits(value)) {
    throw new InvalidArgumentError(`Expected ${expected}.`);
  }
  return value;
}
const over0 = (text: string, what: string): number => finite(text, `${what} over 0`, (value) => value > 0);

/** Parses a number. */
export const real = (text: string): number => finite(text, 'a number');
/** Parses a number above 0. */
export const positiveReal = (text: string): number => over0(text, 'a number');
/** Parses a number of at least 0. */
export const nonNegativeReal = (text: string): number => finite(text, 'a number of at least 0', (value) => value >= 0);

/** Parses a time in seconds, above 0. */
export const seconds = (text: string): number => over0(text, 'a number of seconds');
/** Parses a port; 0 means any free port. */
export const port = (text: string): number => integer(text, 0, 65535, 'a port, an integer from 0 to 65535');
/** Parses a port that leaves room for the offsets added to it. */
export const portBase = (text: string): number => integer(text, 0, 64_500, 'a port, an integer from 0 to 64500');

/**
 * Parses the address of a service.
 *
 * @throws InvalidArgumentError if it is not host:port
 */
export function address(text: string): string {
  if (!grpcTarget.safeParse(text).success)
    throw new InvalidArgumentError('Expected host:port, such as 127.0.0.1:50061.');
  return text;
}

/** `--json`. */
export const jsonOption = (): Option => new Option('--json', 'print JSON instead of text');

/** `--coordinator`. */
export const coordinatorOption = (): Option =>
  new Option(
    '--coordinator <host:port>',
    "the coordinator's address (default: GAPO_COORDINATOR, else that of a gapo up that is running with its data " +
      `in ./${defaultDataDirectory}, else ${defaultCoordinator})`,
  ).argParser(address);

/** `--data`. */
export const dataOption = (): Option =>
  new Option('--data <directory>', 'directory of runs, logs and events').default(defaultDataDirectory);

/** Options of the services on this machine. */
export interface StackFlags {
  rewards: string;
  data: string;
  rolloutWorkers: number;
  /** Undefined for the default. */
  gradientWorkers?: number;
  gradientProgram?: string;
  portBase: number;
  httpPort: number;
  tls?: string;
}

/**
 * Small matrix products gain little from a second thread, so on a CPU, several workers with few threads each are faster. On a GPU
 * each worker would hold its own copy of the weights.
 */
const defaultWorkers = process.env['DEVICE'] === 'cuda' ? 1 : Math.min(availableParallelism(), 4);

/** Memory for each gradient worker: the activations of a micro-batch take 2 GiB unless configured, a model's weights the rest. */
const gradientWorkerBytes = 6 * 2 ** 30;

/** Bytes of memory that processes here may use. */
function usableBytes(): number {
  // 0 or a huge number if no limit is set.
  return Math.min(totalmem(), process.constrainedMemory() || Infinity);
}

/** As many gradient workers as fit into memory; only one if another program runs, because it holds its own copy of the model. */
export function defaultGradientWorkers(program: string | undefined, bytes = usableBytes()): number {
  const room = Math.floor(bytes / gradientWorkerBytes);
  return program === undefined ? Math.max(1, Math.min(defaultWorkers, room)) : 1;
}

/** The options of StackFlags. */
export const stackOptions = (): Option[] => [
  new Option('--rewards <file>', 'YAML file that lists the reward services').default(
    defaultRewardsFile,
    isCheckout ? 'examples/assistant/rewards.yaml' : defaultRewardsFile,
  ),
  dataOption(),
  new Option('--rollout-workers <n>', 'rollout workers, which sample completions and share the cores')
    .default(defaultWorkers, 'one per core, at most 4')
    .argParser(positive),
  new Option(
    '--gradient-workers <n>',
    'gradient workers, which share the cores (default: one per core, at most 4, and one per 6 GiB of memory; 1 with ' +
      '--gradient-program)',
  ).argParser(positive),
  new Option(
    '--gradient-program <program>',
    'what computes gradients in place of the native worker, such as gapo-pytorch',
  ),
  new Option('--port-base <port>', "the coordinator's port; the other ports are offsets from it; 0 uses free ports")
    .default(defaultPortBase)
    .argParser(portBase),
  new Option('--http-port <port>', "the web page's port; 0 uses a free port").default(defaultHttpPort).argParser(port),
  new Option('--tls <directory>', 'secure all services with the certificates that gapo certs made in this directory'),
];
