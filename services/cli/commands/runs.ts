/** `gapo runs`: lists the runs of a coordinator. */
import { stateWord, toJson } from '@gapo/rpc';
import { Command, Option } from 'commander';
import { Coordinator, coordinatorAddress } from '../client.js';
import { coordinatorOption, jsonOption } from '../options/options.js';
import { print, printJson } from '../output.js';
import { fixed } from '../render/numbers.js';
import { originText } from '../render/preference.js';
import { waitText } from '../render/recovery.js';
import { table } from '../render/table.js';

interface RunsFlags {
  tag?: readonly string[];
  coordinator?: string;
  json?: true;
}

async function runs({ tag: wanted = [], ...flags }: RunsFlags): Promise<void> {
  const coordinator = new Coordinator(coordinatorAddress(flags.coordinator));
  try {
    const every = await coordinator.listRuns();
    const all = every.filter(({ tags }) => wanted.every((tag) => tags.includes(tag)));
    if (flags.json) {
      printJson(all.map((run) => toJson('gapo.training.v1.Run', run)));
      return;
    }
    if (all.length === 0 && every.length > 0) {
      print(`none of the ${every.length} runs is tagged ${wanted.join(' and ')}`);
      return;
    }
    if (all.length === 0) {
      print('no runs yet; create one with `gapo train examples/assistant/run.yaml`');
      return;
    }
    const tagged = all.some(({ tags }) => tags.length > 0);
    const rows = all.map((run) => [
      run.id,
      stateWord(run.state),
      `${run.step}/${run.totalSteps}`,
      originText(run),
      run.lastStep?.objectives.map(({ name, rewardMean }) => `${name} ${fixed(rewardMean, 3)}`).join('  ') ?? '-',
      ...(tagged ? [run.tags.join(' ')] : []),
      waitText(run) ?? run.reason,
    ]);
    const head = ['run', 'state', 'step', 'method', 'mean rewards', ...(tagged ? ['tags'] : []), 'reason'];
    print(table(head, rows, [2]));
  } finally {
    coordinator.close();
  }
}

/** Creates the command. */
export function runsCommand(): Command {
  return new Command('runs')
    .description('list the runs, newest first')
    .addOption(
      new Option(
        '--tag <tag>',
        'only runs with the tag in their configuration; repeat it to require several',
      ).argParser((text: string, soFar: readonly string[] = []) => [...soFar, text]),
    )
    .addOption(coordinatorOption())
    .addOption(jsonOption())
    .addHelpText('after', '\nExample:\n  gapo runs --tag nightly --tag team=support')
    .action(runs);
}
