/** `gapo prefer`: changes the preference of a run while it trains. */
import type { Run } from '@gapo/rpc';
import { nearestKey, UserError } from '@gapo/service';
import { Argument, Command } from 'commander';
import { authorOf } from '../author.js';
import { Coordinator, coordinatorAddress } from '../client.js';
import { collectAssignment } from '../options/assignments.js';
import { authorOption } from '../options/author.js';
import { coordinatorOption, jsonOption } from '../options/options.js';
import { print, printMessage } from '../output.js';
import { numbersText } from '../render/preference.js';

interface PreferFlags {
  by?: string;
  coordinator?: string;
  json?: true;
}

/** @throws UserError if the preference names an unknown objective, or omits one */
function requireObjectives({ id, objectives }: Run, preference: Readonly<Record<string, number>>): void {
  const all = `its objectives are ${objectives.join(', ')}`;
  for (const name of Object.keys(preference)) {
    if (objectives.includes(name)) continue;
    const near = nearestKey(name, objectives);
    throw new UserError(
      `run ${id} has no objective "${name}": ${all}${near === undefined ? '' : `; did you mean ${near}?`}`,
    );
  }
  const missing = objectives.filter((name) => !Object.hasOwn(preference, name));
  if (missing.length > 0) {
    const example = missing.map((name) => `${name}=0.5`).join(' ');
    throw new UserError(`${missing.join(', ')} has no number: ${all}; give one for each, such as ${example}`);
  }
}

async function prefer(id: string, preference: Record<string, number>, flags: PreferFlags): Promise<void> {
  const author = authorOf(flags.by);
  const coordinator = new Coordinator(coordinatorAddress(flags.coordinator));
  try {
    requireObjectives(await coordinator.getRun(id), preference);
    const changed = await coordinator.setPreference(id, preference, author);
    if (flags.json) return printMessage('gapo.training.v1.SetPreferenceResponse', changed);
    const { run, firstStep, before } = changed;
    const [was, is] = [numbersText(before, run.objectives), numbersText(run.preference, run.objectives)];
    print(`${id}: ${was} → ${is}, from step ${firstStep} (by ${author})`);
  } finally {
    coordinator.close();
  }
}

/** Creates the command. */
export function preferCommand(): Command {
  return new Command('prefer')
    .description("change a run's preference or weights from its next step on; the author of the change is recorded")
    .argument('<id>', "the run's id, as `gapo runs` lists it")
    .addArgument(
      new Argument('<objective=number...>', 'a number of at least 0 for every objective').argParser(collectAssignment),
    )
    .addOption(authorOption())
    .addOption(coordinatorOption())
    .addOption(jsonOption())
    .addHelpText(
      'after',
      `
Numbers are relative to each other. \`combine.method\` must take them: pgapo (preference), linear (weights), or another method
with a preference in its configuration.

Example:
  gapo prefer assistant-20250101-120000 helpful=0.7 harmless=0.3`,
    )
    .action(prefer);
}
