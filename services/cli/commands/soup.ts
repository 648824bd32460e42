/** `gapo soup`: creates a run whose policy is the weighted average of other runs' policies (Rewarded Soups). */
import { UserError } from '@gapo/service';
import { Argument, Command, Option } from 'commander';
import { Coordinator, coordinatorAddress } from '../client.js';
import { collectAssignment } from '../options/assignments.js';
import { coordinatorOption, jsonOption } from '../options/options.js';
import { print, printMessage } from '../output.js';
import { numbersText } from '../render/preference.js';

interface SoupFlags {
  id?: string;
  coordinator?: string;
  json?: true;
}

async function soup(ingredients: Record<string, number>, flags: SoupFlags): Promise<void> {
  if (Object.values(ingredients).every((weight) => weight === 0)) {
    throw new UserError('every weight is 0: give at least one run a positive weight, such as RUN=0.5');
  }
  const coordinator = new Coordinator(coordinatorAddress(flags.coordinator));
  try {
    const run = await coordinator.createSoup(ingredients, flags.id);
    if (flags.json) printMessage('gapo.training.v1.Run', run);
    else
      print(
        `${run.id}: the average of ${numbersText(run.ingredients)}; evaluate it with \`gapo eval ${run.id}\`, export it with \`gapo export ${run.id}\``,
      );
  } finally {
    coordinator.close();
  }
}

/** Creates the command. */
export function soupCommand(): Command {
  return new Command('soup')
    .description("create a run whose policy is the weighted average of other runs' policies (Rewarded Soups)")
    .addArgument(
      new Argument('<run=weight...>', 'runs with weights of at least 0, normalised to sum to 1').argParser(
        collectAssignment,
      ),
    )
    .addOption(new Option('--id <id>', "the new run's id (default: soup and the time)"))
    .addOption(coordinatorOption())
    .addOption(jsonOption())
    .addHelpText(
      'after',
      `
The runs must have trained the same tensors of the same model from the same seed.

Example:
  gapo soup helpful-only-20250101-120000=0.5 harmless-only-20250101-130000=0.5 --id halves`,
    )
    .action(soup);
}
