/** `gapo prefer`: another preference for a run while it trains. */
import { existsSync, readFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { Argument, Command, Option } from 'commander';
import type { Run } from '@gapo/rpc';
import { nearestKey, z } from '@gapo/settings';
import { UserError } from '@gapo/telemetry';
import { collectAssignment } from '../assignments.js';
import { Coordinator, coordinatorAddress } from '../client.js';
import { coordinatorOption, dataOption, jsonOption } from '../options.js';
import { print, printJson } from '../output.js';
import { fromHere } from '../project.js';
import { numbersText } from '../render/preference.js';

interface PreferFlags {
  by?: string;
  coordinator?: string;
  data: string;
  json?: true;
}

/** A person's login name. */
function loginName(): string {
  try {
    return userInfo().username;
  } catch (error) {
    throw new UserError('this user has no login name: say who changes the preference with --by NAME', { cause: error });
  }
}

/** @throws UserError that names what does not fit the run's objectives */
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
    throw new UserError(`${missing.join(', ')} has no number: ${all}; give one for each of them, as ${example}`);
  }
}

const changeSchema = z.object({ step: z.int(), before: z.record(z.string(), z.number()) });

/** The change that the coordinator wrote down last; undefined where its files are not on this machine. */
function recordedChange(dataDirectory: string, id: string): z.infer<typeof changeSchema> | undefined {
  const path = join(dataDirectory, id, 'preferences.jsonl');
  if (!existsSync(path)) return undefined;
  try {
    const last = readFileSync(path, 'utf8').trimEnd().split('\n').at(-1) ?? '';
    return changeSchema.safeParse(JSON.parse(last)).data;
  } catch {
    return undefined;
  }
}

async function prefer(id: string, preference: Record<string, number>, flags: PreferFlags): Promise<void> {
  const author = flags.by ?? loginName();
  const coordinator = new Coordinator(coordinatorAddress(flags.coordinator));
  try {
    const old = await coordinator.getRun(id);
    requireObjectives(old, preference);
    const run = await coordinator.setPreference(id, preference, author);
    const recorded = recordedChange(fromHere(flags.data), id);
    const before = recorded?.before ?? old.preference;
    const step = recorded?.step ?? null;
    if (flags.json) {
      printJson({ run: id, author, step, before, after: { ...run.preference } });
      return;
    }
    const from = step === null ? 'from the next step that begins' : `from step ${step} on`;
    const [was, is] = [numbersText(before, run.objectives), numbersText(run.preference, run.objectives)];
    print(`${id}: ${was} → ${is}, ${from} (by ${author})`);
  } finally {
    coordinator.close();
  }
}

/** The command. */
export function preferCommand(): Command {
  return new Command('prefer')
    .description("change a run's preference or weights from its next step on; who changed it is recorded")
    .argument('<id>', "the run's id, as `gapo runs` lists it")
    .addArgument(
      new Argument('<objective=number...>', 'a number of at least 0 for every objective').argParser(collectAssignment),
    )
    .addOption(new Option('--by <name>', 'who changes it (default: your login name)'))
    .addOption(coordinatorOption())
    .addOption(dataOption())
    .addOption(jsonOption())
    .addHelpText(
      'after',
      `
The numbers are relative to each other. Methods that take some: \`combine.method\` pgapo (preference) and linear (weights),
and others with a preference in their configuration.

Example:
  gapo prefer assistant-20250101-120000 helpful=0.7 harmless=0.3`,
    )
    .action(prefer);
}
