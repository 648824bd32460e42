/** `gapo up`: runs all services as processes of this machine until Ctrl-C. */
import { availableParallelism } from 'node:os';
import { Command } from 'commander';
import { exitInterrupted, Exit } from '../exit.js';
import { aborted, listenForInterrupts } from '../interrupts.js';
import { jsonOption, stackOptions, type StackFlags } from '../options/options.js';
import { note, print, printJson } from '../output.js';
import { runningStack, startStack, type StackOptions } from '../processes/stack.js';
import { fromHere } from '../project.js';
import { servicesTable } from '../render/services.js';

/** Converts command line flags to the options of the services. */
export function stackOptionsOf(
  flags: StackFlags,
  command: StackOptions['command'],
  env: Record<string, string>,
): StackOptions {
  const { rewards, data, rolloutWorkers, gradientWorkers, portBase, httpPort } = flags;
  return {
    rewardsFile: fromHere(rewards),
    dataDirectory: fromHere(data),
    rolloutWorkers,
    rolloutThreads: threadsOf(rolloutWorkers),
    gradientWorkers,
    portBase,
    httpPort,
    command,
    env,
  };
}

/** Returns the threads of each of several concurrent workers; undefined for a single one, or if THREADS is set. */
function threadsOf(workers: number): number | undefined {
  if (workers === 1 || process.env['THREADS'] !== undefined) return undefined;
  return Math.max(1, Math.floor(availableParallelism() / workers));
}

async function up(flags: StackFlags & { json?: true }): Promise<void> {
  const observer = { say: note, changed: () => undefined };
  const options = stackOptionsOf(flags, 'up', {});
  const present = await runningStack(options.dataDirectory, observer);
  if (present !== undefined) {
    note(
      `already running, started by process ${present.pid} at ${present.started}; stop it with Ctrl-C there or \`kill ${present.pid}\``,
    );
    if (flags.json) printJson(present);
    else print(servicesTable(present));
    return;
  }
  const interrupts = listenForInterrupts();
  try {
    note('starting the services ...');
    const stack = await startStack(options, observer, interrupts.asked);
    interrupts.forced.addEventListener('abort', () => void stack.stop(true));
    if (flags.json) printJson(stack.state);
    else print(`${servicesTable(stack.state)}\n\nCtrl-C stops everything.`);
    await aborted(interrupts.asked);
    note('stopping the services ...');
    await stack.stop();
    note('stopped');
  } catch (error) {
    if (interrupts.asked.aborted) throw new Exit(exitInterrupted);
    throw error;
  } finally {
    interrupts.release();
  }
}

/** Creates the command. */
export function upCommand(): Command {
  const command = new Command('up')
    .description('run all services as processes of this machine until Ctrl-C')
    .addHelpText(
      'after',
      `
Starts, in this order: nats-server (unless NATS_URL is set), the reward services and the rollout and gradient workers, the
coordinator, and the gateway with the web page. A service that exits is restarted with backoff. Commands in the same
directory find the coordinator; with another --data, name it with --coordinator.

Example:
  gapo up --rewards examples/assistant/rewards.yaml --gradient-workers 2`,
    );
  for (const option of stackOptions()) command.addOption(option);
  return command.addOption(jsonOption()).action(up);
}
