/** `gapo up`: runs all services as processes of this machine until Ctrl-C. */
import { Command } from 'commander';
import { exitInterrupted, Exit } from '../exit.js';
import { aborted, listenForInterrupts } from '../interrupts.js';
import { jsonOption, stackOptions, type StackFlags } from '../options/options.js';
import { note, print, printJson } from '../output.js';
import { runningStack, startStack, type Stack } from '../processes/stack.js';
import { servicesTable } from '../render/services.js';
import { stackOptionsOf } from '../runs/runServices.js';

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
  let stack: Stack | undefined;
  try {
    note('starting the services ...');
    stack = await startStack(options, observer, interrupts.stopRequested);
    interrupts.forced.addEventListener('abort', () => void stack?.stop(true));
    if (flags.json) printJson(stack.state);
    else print(`${servicesTable(stack.state)}\n\nCtrl-C stops everything.`);
    await aborted(interrupts.stopRequested);
  } catch (error) {
    if (interrupts.stopRequested.aborted) throw new Exit(exitInterrupted);
    throw error;
  } finally {
    if (stack !== undefined) {
      note('stopping the services ...');
      await stack.stop();
      note('stopped');
    }
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
