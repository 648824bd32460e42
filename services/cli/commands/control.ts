/** `gapo pause`, `gapo resume` and `gapo cancel`. */
import { stateWord, type Run } from '@gapo/rpc';
import { Command, Option } from 'commander';
import { Coordinator, coordinatorAddress } from '../client.js';
import { authorOption } from '../options/author.js';
import { coordinatorOption, jsonOption } from '../options/options.js';
import { print, printMessage } from '../output.js';

interface ControlFlags {
  coordinator?: string;
  json?: true;
  acceptChangedInputs?: true;
  by?: string;
}

interface Verb {
  name: string;
  description: string;
  ask: (coordinator: Coordinator, id: string, flags: ControlFlags) => Promise<Run>;
  options?: () => readonly Option[];
}

const verbs: readonly Verb[] = [
  {
    name: 'pause',
    description: 'pause a run after the step in progress; it can be resumed',
    ask: (coordinator, id) => coordinator.pauseRun(id),
  },
  {
    name: 'resume',
    description: 'resume a paused or failed run from its last checkpoint, bit for bit',
    ask: (coordinator, id, { acceptChangedInputs, by }) =>
      coordinator.resumeRun(id, { acceptChangedInputs: acceptChangedInputs === true, author: by }),
    options: () => [
      new Option(
        '--accept-changed-inputs',
        'resume also if the model or data have changed since the checkpoint; that is recorded',
      ),
      authorOption(),
    ],
  },
  {
    name: 'cancel',
    description: 'end a run, which cannot be resumed; its checkpoints are kept',
    ask: (coordinator, id) => coordinator.cancelRun(id),
  },
];

function verbCommand({ name, description, ask, options }: Verb): Command {
  const command = new Command(name)
    .description(description)
    .argument('<id>', "the run's id, as `gapo runs` lists it")
    .addOption(coordinatorOption())
    .addOption(jsonOption())
    .addHelpText('after', `\nExample:\n  gapo ${name} assistant-20250101-120000`)
    .action(async (id: string, flags: ControlFlags) => {
      const coordinator = new Coordinator(coordinatorAddress(flags.coordinator));
      try {
        const run = await ask(coordinator, id, flags);
        const reason = run.reason === '' ? '' : ` (${run.reason})`;
        if (flags.json) printMessage('gapo.training.v1.Run', run);
        else print(`${run.id}: ${stateWord(run.state)} at step ${run.step} of ${run.totalSteps}${reason}`);
      } finally {
        coordinator.close();
      }
    });
  for (const option of options?.() ?? []) command.addOption(option);
  return command;
}

/** Creates the commands. */
export function controlCommands(): Command[] {
  return verbs.map(verbCommand);
}
