/** `gapo watch`: follows a run. */
import { stepJson } from '@gapo/page';
import type { Run } from '@gapo/rpc';
import { Command } from 'commander';
import { Coordinator, coordinatorAddress } from '../client.js';
import { exitInterrupted, Exit } from '../exit.js';
import { listenForInterrupts } from '../interrupts.js';
import { runJson } from '../json.js';
import { coordinatorOption, jsonOption } from '../options/options.js';
import { note, print, printJson } from '../output.js';
import { makeReporter } from '../render/reporter.js';
import { follow, type FollowMessage } from './follow.js';
import { stoppedEarly } from './trainToEnd.js';

/**
 * Shows a run until it settles. With `json` every message is a line of stdout, the run as it is at the end the last one.
 *
 * @throws UserError where the run stopped before its last step; Exit at Ctrl-C, after which the run goes on
 */
export async function watchUntilSettled(coordinator: Coordinator, run: Run, json: boolean): Promise<void> {
  const interrupts = listenForInterrupts();
  const reporter = makeReporter(process.stderr, json);
  try {
    const { run: last } = await follow(coordinator, run, reporter, {
      signal: interrupts.asked,
      ...(json ? { onMessage: printMessage } : {}),
    });
    if (interrupts.asked.aborted) {
      note(`the run goes on; pause it with \`gapo pause ${run.id}\`, watch it again with \`gapo watch ${run.id}\``);
      throw new Exit(exitInterrupted);
    }
    if (json) printJson({ run: runJson(last) });
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

function printMessage({ run, step, progress }: FollowMessage): void {
  printJson({
    ...(run === undefined ? {} : { run: runJson(run) }),
    ...(step === undefined ? {} : { step: stepJson(step) }),
    ...(progress === undefined ? {} : { progress }),
  });
}

/** What can be done with a run that stopped early. */
function nextOf({ id, state, checkpoint }: Run): string {
  if (state !== 'RUN_STATE_CANCELLED') return `go on with \`gapo resume ${id}\``;
  return checkpoint === '' ? 'it has no checkpoint' : `its checkpoint is ${checkpoint}`;
}

/** The command. */
export function watchCommand(): Command {
  return new Command('watch')
    .description('follow a run until it ends; Ctrl-C stops watching, the run goes on')
    .argument('<id>', "the run's id, as `gapo runs` lists it")
    .addOption(coordinatorOption())
    .addOption(jsonOption())
    .addHelpText(
      'after',
      '\nExits with 0 where the run takes its last step, with 2 where it stops before.\n\nExample:\n  gapo watch assistant-20250101-120000',
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
