/** `gapo up`: all services of this machine as processes, until Ctrl-C. */
import { availableParallelism } from 'node:os';
import { Command } from 'commander';
import { exitInterrupted, Exit } from '../exit.js';
import { aborted, listenForInterrupts } from '../interrupts.js';
import { jsonOption, stackOptions, type StackFlags } from '../options/options.js';
import { note, print, printJson } from '../output.js';
import { runningStack, startStack, type StackOptions } from '../processes/stack.js';
import { fromHere } from '../project.js';
import { servicesTable } from '../render/services.js';

/** The options of the services as the processes take them. */
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

/** Threads of each of some workers that work at the same time; one alone, or one that THREADS speaks of, needs no telling. */
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

/** The command. */
export function upCommand(): Command {
  const command = new Command('up')
    .description('start all services of this machine, as processes, and keep them running until Ctrl-C')
    .addHelpText(
      'after',
      `
Starts, in this order: nats-server (NATS_URL names another), the reward services of the file, rollout and gradient
workers, the coordinator, the gateway with the web page. A service that dies is started again. Other commands that are
called in this directory find the coordinator by themselves, unless --data is given: then name it with --coordinator.

Example:
  gapo up --rewards examples/assistant/rewards.yaml --gradient-workers 2`,
    );
  for (const option of stackOptions()) command.addOption(option);
  return command.addOption(jsonOption()).action(up);
}
