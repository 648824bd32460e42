/** `gapo runs`: lists the runs of a coordinator. */
import { stateWord, toJson } from '@gapo/rpc';
import { Command } from 'commander';
import { Coordinator, coordinatorAddress } from '../client.js';
import { coordinatorOption, jsonOption } from '../options/options.js';
import { print, printJson } from '../output.js';
import { fixed } from '../render/numbers.js';
import { originText } from '../render/preference.js';
import { waitText } from '../render/recovery.js';
import { table } from '../render/table.js';

async function runs(flags: { coordinator?: string; json?: true }): Promise<void> {
  const coordinator = new Coordinator(coordinatorAddress(flags.coordinator));
  try {
    const all = await coordinator.listRuns();
    if (flags.json) {
      printJson(all.map((run) => toJson('gapo.training.v1.Run', run)));
      return;
    }
    if (all.length === 0) {
      print('no runs yet; create one with `gapo train examples/assistant/run.yaml`');
      return;
    }
    const rows = all.map((run) => [
      run.id,
      stateWord(run.state),
      `${run.step}/${run.totalSteps}`,
      originText(run),
      run.lastStep?.objectives.map(({ name, rewardMean }) => `${name} ${fixed(rewardMean, 3)}`).join('  ') ?? '-',
      waitText(run) ?? run.reason,
    ]);
    print(table(['run', 'state', 'step', 'method', 'mean rewards', 'reason'], rows, [2]));
  } finally {
    coordinator.close();
  }
}

/** Creates the command. */
export function runsCommand(): Command {
  return new Command('runs')
    .description('list the runs, newest first')
    .addOption(coordinatorOption())
    .addOption(jsonOption())
    .addHelpText('after', '\nExample:\n  gapo runs --coordinator 127.0.0.1:50050')
    .action(runs);
}
