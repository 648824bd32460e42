/** Options that several commands share, and how their values are read. */
import { availableParallelism } from 'node:os';
import { grpcTarget } from '@gapo/service';
import { InvalidArgumentError, Option } from 'commander';
import { defaultHttpPort, defaultPortBase } from '../processes/plan.js';
import { defaultCoordinator, defaultDataDirectory, defaultRewardsFile, isCheckout } from '../project.js';

function integer(text: string, low: number, high: number, what: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < low || value > high) throw new InvalidArgumentError(`Expected ${what}.`);
  return value;
}

/** An integer of at least 1. */
export const positive = (text: string): number => integer(text, 1, 1000, 'an integer from 1 to 1000');
/** An integer of at least 1, however large. */
export const atLeast1 = (text: string): number => integer(text, 1, Number.MAX_SAFE_INTEGER, 'an integer of at least 1');
/** An integer of at least 0. */
export const natural = (text: string): number => integer(text, 0, Number.MAX_SAFE_INTEGER, 'an integer of at least 0');
/** A time in seconds. */
export function seconds(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !(value > 0 && Number.isFinite(value))) {
    throw new InvalidArgumentError('Expected a number of seconds over 0.');
  }
  return value;
}
/** A port; 0 is any free one. */
export const port = (text: string): number => integer(text, 0, 65535, 'a port, an integer from 0 to 65535');
/** A base that leaves room for the ports counted from it. */
export const portBase = (text: string): number => integer(text, 0, 64_500, 'a port, an integer from 0 to 64500');

/** The address of a service. */
export function address(text: string): string {
  if (!grpcTarget.safeParse(text).success) throw new InvalidArgumentError('Expected host:port, as 127.0.0.1:50061.');
  return text;
}

/** `--json`. */
export const jsonOption = (): Option => new Option('--json', 'machine output: JSON instead of text');

/** `--coordinator`. */
export const coordinatorOption = (): Option =>
  new Option(
    '--coordinator <host:port>',
    "the coordinator's address (default: GAPO_COORDINATOR, else that of a running gapo up with its data " +
      `in ./${defaultDataDirectory}, else ${defaultCoordinator})`,
  ).argParser(address);

/** `--data`. */
export const dataOption = (): Option =>
  new Option('--data <directory>', 'where runs, logs and events are kept').default(defaultDataDirectory);

/** Options about the services of this machine. */
export interface StackFlags {
  rewards: string;
  data: string;
  rolloutWorkers: number;
  gradientWorkers: number;
  portBase: number;
  httpPort: number;
}

/**
 * Small products gain little from a second thread, so that on a processor several rollout workers of few threads are the
 * faster ones; on another device each of them would have weights of its own.
 */
const usualRolloutWorkers = process.env['DEVICE'] === 'cuda' ? 1 : Math.min(availableParallelism(), 4);

/** The options of StackFlags. */
export const stackOptions = (): Option[] => [
  new Option('--rewards <file>', 'the YAML file of reward services').default(
    defaultRewardsFile,
    isCheckout ? 'examples/assistant/rewards.yaml' : defaultRewardsFile,
  ),
  dataOption(),
  new Option('--rollout-workers <n>', 'processes that sample completions, which share the cores')
    .default(usualRolloutWorkers, 'one a core, at most 4')
    .argParser(positive),
  new Option('--gradient-workers <n>', 'processes that compute gradients').default(1).argParser(positive),
  new Option('--port-base <port>', "the coordinator's port, from which the others follow; 0 takes free ones")
    .default(defaultPortBase)
    .argParser(portBase),
  new Option('--http-port <port>', "the web page's port; 0 takes a free one").default(defaultHttpPort).argParser(port),
];
