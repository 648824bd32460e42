/** Options shared by the training commands. */
import { adapterSettings, trainingSettings } from '@gapo/config';
import { UserError, type z } from '@gapo/service';
import { InvalidArgumentError, Option } from 'commander';
import { settingOption } from './settingOption.js';

/** The flags of LoRA adapters. */
export interface AdapterFlags {
  loraRank?: number;
  loraAlpha?: number;
  loraTargets?: string[];
}

/** The options of LoRA adapters, which are trained instead of every weight. */
export const adapterOptions = (): readonly Option[] => [
  settingOption('--lora-rank <n>', adapterSettings.rank.optional().meta({ absent: 'every weight is trained' })),
  settingOption('--lora-alpha <x>', adapterSettings.alpha),
  settingOption('--lora-targets <names>', adapterSettings.targets),
];

/** The options of the data. */
export function dataOptions(keys: { readonly map: z.ZodType; readonly overlong?: z.ZodType }): readonly Option[] {
  return [
    settingOption('--map <name=column>', keys.map).argParser(addAssignment),
    ...(keys.overlong === undefined ? [] : [settingOption('--overlong <what>', keys.overlong)]),
  ];
}

/**
 * Adds `name=column` to the columns given before.
 *
 * @throws InvalidArgumentError if it has another format
 */
function addAssignment(given: string, before: Readonly<Record<string, string>> | undefined): Record<string, string> {
  const [name = '', column = '', ...more] = given.split('=');
  if (name === '' || column === '' || more.length > 0) {
    throw new InvalidArgumentError('Expected name=column, such as prompt=question.');
  }
  return { ...before, [name]: column };
}

/** The option of the variables of the chat template. */
export function templateOption(schema: z.ZodType): Option {
  return settingOption('--chat-template-kwargs <json>', schema).argParser((given) => {
    let value: unknown;
    try {
      value = JSON.parse(given);
    } catch {
      throw new InvalidArgumentError('Expected JSON, such as {"enable_thinking": false}.');
    }
    const parsed = schema.safeParse(value);
    if (parsed.success) return parsed.data;
    throw new InvalidArgumentError(parsed.error.issues.map(({ message }) => `Expected ${message}.`).join(' '));
  });
}

/** The options of the model's directory and of the tensor runtime. */
export const runtimeOptions = (): readonly Option[] => [
  settingOption('--ignore-keys <names>', trainingSettings.ignoreKeys),
  settingOption('--threads <n>', trainingSettings.threads),
  settingOption('--device <kind>', trainingSettings.device),
];

/** Adds options to a command, in order. */
export function withOptions<C extends { addOption(option: Option): unknown }>(
  command: C,
  ...options: readonly Option[]
): C {
  for (const option of options) command.addOption(option);
  return command;
}

/**
 * Merges the flags of adapters into one `lora` setting.
 *
 * @throws UserError if --lora-alpha or --lora-targets is given without --lora-rank
 */
export function withAdapters<F extends AdapterFlags>({ loraRank: rank, loraAlpha, loraTargets, ...flags }: F) {
  const options = {
    ...(loraAlpha !== undefined && { alpha: loraAlpha }),
    ...(loraTargets && { targets: loraTargets }),
  };
  if (rank !== undefined) return { ...flags, lora: { rank, ...options } };
  if (Object.keys(options).length === 0) return flags;
  throw new UserError('--lora-alpha and --lora-targets belong to adapters: give --lora-rank too, or leave them out');
}
