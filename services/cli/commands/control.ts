/** `gapo pause`, `gapo resume` and `gapo cancel`. */
import { stateWord, type Run } from '@gapo/rpc';
import { Command } from 'commander';
import { Coordinator, coordinatorAddress } from '../client.js';
import { coordinatorOption, jsonOption } from '../options/options.js';
import { print, printMessage } from '../output.js';

interface Verb {
  name: string;
  description: string;
  ask: (coordinator: Coordinator, id: string) => Promise<Run>;
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
    ask: (coordinator, id) => coordinator.resumeRun(id),
  },
  {
    name: 'cancel',
    description: 'end a run, which cannot be resumed; its checkpoints are kept',
    ask: (coordinator, id) => coordinator.cancelRun(id),
  },
];

function verbCommand({ name, description, ask }: Verb): Command {
  return new Command(name)
    .description(description)
    .argument('<id>', "the run's id, as `gapo runs` lists it")
    .addOption(coordinatorOption())
    .addOption(jsonOption())
    .addHelpText('after', `\nExample:\n  gapo ${name} assistant-20250101-120000`)
    .action(async (id: string, flags: { coordinator?: string; json?: true }) => {
      const coordinator = new Coordinator(coordinatorAddress(flags.coordinator));
      try {
        const run = await ask(coordinator, id);
        const reason = run.reason === '' ? '' : ` (${run.reason})`;
        if (flags.json) printMessage('gapo.training.v1.Run', run);
        else print(`${run.id}: ${stateWord(run.state)} at step ${run.step} of ${run.totalSteps}${reason}`);
      } finally {
        coordinator.close();
      }
    });
}

/** Creates the commands. */
export function controlCommands(): Command[] {
  return verbs.map(verbCommand);
}
