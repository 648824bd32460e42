/** `gapo watch`: follows a run. */
import type { Run } from '@gapo/rpc';
import { Command } from 'commander';
import { Coordinator, coordinatorAddress } from '../client.js';
import { exitInterrupted, Exit } from '../exit.js';
import { listenForInterrupts } from '../interrupts.js';
import { coordinatorOption, jsonOption } from '../options/options.js';
import { note, print, printMessage } from '../output.js';
import { makeReporter } from '../render/reporter.js';
import { follow } from '../runs/follow.js';
import { stoppedEarly } from '../runs/trainToEnd.js';

/**
 * Follows a run until it ends. With `json` every message is a line of stdout, and the last line is the run's final state.
 *
 * @throws UserError if the run stopped before its last step; Exit at Ctrl-C, after which the run continues
 */
export async function watchUntilSettled(coordinator: Coordinator, run: Run, json: boolean): Promise<void> {
  const interrupts = listenForInterrupts();
  const reporter = makeReporter(json);
  try {
    const { run: last } = await follow(coordinator, run, reporter, {
      signal: interrupts.stopRequested,
      ...(json && { onMessage: (message) => printMessage('gapo.training.v1.WatchRunResponse', message) }),
    });
    if (interrupts.stopRequested.aborted) {
      note(`the run continues; pause it with \`gapo pause ${run.id}\`, watch it again with \`gapo watch ${run.id}\``);
      throw new Exit(exitInterrupted);
    }
    if (json) printMessage('gapo.training.v1.WatchRunResponse', { run: last });
    if (last.state !== 'RUN_STATE_SUCCEEDED') throw stoppedEarly(last, nextOf(last));
    if (!json)
      print(
        `${last.id}: succeeded at step ${last.step} of ${last.totalSteps}; evaluate it with \`gapo eval ${last.id}\``,
      );
  } finally {
    reporter.finish();
    interrupts.release();
  }
}

/** Returns what to do about a run that stopped early. */
function nextOf({ id, state, checkpoint }: Run): string {
  if (state !== 'RUN_STATE_CANCELLED') return `resume it with \`gapo resume ${id}\``;
  return checkpoint === '' ? 'it has no checkpoint' : `its checkpoint is ${checkpoint}`;
}

/** Creates the command. */
export function watchCommand(): Command {
  return new Command('watch')
    .description('follow a run until it ends; Ctrl-C stops watching, and the run continues')
    .argument('<id>', "the run's id, as `gapo runs` lists it")
    .addOption(coordinatorOption())
    .addOption(jsonOption())
    .addHelpText(
      'after',
      '\nExits with 0 after the last step, and with 2 if the run stops earlier. With --json every line is one message: {run}, {step}\nor {progress}.\n\nExample:\n  gapo watch assistant-20250101-120000',
    )
    .action(async (id: string, flags: { coordinator?: string; json?: true }) => {
      const coordinator = new Coordinator(coordinatorAddress(flags.coordinator));
      try {
        await watchUntilSettled(coordinator, await coordinator.getRun(id), flags.json === true);
      } finally {
        coordinator.close();
      }
    });
}
