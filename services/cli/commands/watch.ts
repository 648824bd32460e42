/** `gapo watch`: follows a run. */
import { Command } from 'commander';
import type { Run } from '@gapo/rpc';
import { stepJson } from '@gapo/page';
import { UserError } from '@gapo/telemetry';
import { Coordinator, coordinatorAddress } from '../client.js';
import { EXIT_INTERRUPTED, Exit } from '../exit.js';
import { listenForInterrupts } from '../interrupts.js';
import { runJson } from '../json.js';
import { coordinatorOption, jsonOption } from '../options.js';
import { note, print, printJson } from '../output.js';
import { makeReporter } from '../render/reporter.js';
import { stateName } from '../render/runProgress.js';
import { follow, type FollowMessage } from './follow.js';

/**
 * Shows a run until it settles. With `json` every message is a line of stdout, the run as it is at the end the last one.
 *
 * @throws UserError where the run failed; Exit at Ctrl-C, after which the run goes on
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
      throw new Exit(EXIT_INTERRUPTED);
    }
    if (json) printJson({ run: runJson(last) });
    if (last.state === 'RUN_STATE_FAILED') {
      throw new UserError(
        `run ${last.id} failed at step ${last.step} of ${last.totalSteps}: ${last.reason}; mend it, then \`gapo resume ${last.id}\``,
      );
    }
    if (!json) print(endText(last));
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

function endText(run: Run): string {
  const reason = run.reason === '' ? '' : ` (${run.reason})`;
  const next =
    run.state === 'RUN_STATE_SUCCEEDED'
      ? `evaluate it with \`gapo eval ${run.id}\``
      : run.state === 'RUN_STATE_PAUSED'
        ? `go on with \`gapo resume ${run.id}\``
        : `its checkpoint is ${run.checkpoint === '' ? 'none' : run.checkpoint}`;
  return `${run.id}: ${stateName(run.state)} at step ${run.step} of ${run.totalSteps}${reason}; ${next}`;
}

/** The command. */
export function watchCommand(): Command {
  return new Command('watch')
    .description('follow a run until it ends; Ctrl-C stops watching, the run goes on')
    .argument('<id>', "the run's id, as `gapo runs` lists it")
    .addOption(coordinatorOption())
    .addOption(jsonOption())
    .addHelpText('after', '\nExample:\n  gapo watch assistant-20250101-120000')
    .action(async (id: string, flags: { coordinator?: string; json?: true }) => {
      const coordinator = new Coordinator(coordinatorAddress(flags.coordinator));
      try {
        await watchUntilSettled(coordinator, await coordinator.getRun(id), flags.json === true);
      } finally {
        coordinator.close();
      }
    });
}
