/** Options that the commands which train have in common. */
import { availableParallelism } from 'node:os';
import { UserError } from '@gapo/service';
import { InvalidArgumentError, Option } from 'commander';
import { natural, positive } from './options.js';

/** Their values. */
export interface TrainingFlags {
  loraRank?: number;
  loraAlpha?: number;
  loraTargets?: string[];
  batch: number;
  microBatch?: number;
  seed: number;
  threads: number;
  device: 'cpu' | 'cuda';
}

function number(text: string, holds: (value: number) => boolean, what: string): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value) || !holds(value))
    throw new InvalidArgumentError(`Expected ${what}.`);
  return value;
}

/** A number above 0. */
export const above0 = (text: string): number => number(text, (value) => value > 0, 'a number above 0');
/** A learning rate: AdamW's first step is as long in every parameter, so that 1 is beyond use. */
export const rate = (text: string): number =>
  number(text, (value) => value > 0 && value < 1, 'a number above 0 and below 1');
/** A share of at least 0. */
export const share =
  (most: number) =>
  (text: string): number =>
    number(text, (value) => value >= 0 && value <= most, `a share from 0 to ${most}`);
/** A share above 0. */
export const shareAbove0 =
  (most: number) =>
  (text: string): number =>
    number(text, (value) => value > 0 && value <= most, `a share above 0 and at most ${most}`);

/** The adapters that are trained in place of every weight. */
export const loraOptions = (): readonly Option[] => [
  new Option('--lora-rank <n>', 'train adapters of this rank; without it every weight').argParser(positive),
  new Option('--lora-alpha <x>', 'their scale times the rank (default: twice the rank)').argParser(above0),
  new Option('--lora-targets <names>', 'what has adapters, as q_proj,v_proj (default: every linear map)').argParser(
    (text) => text.split(','),
  ),
];

/** How many examples an update has. `examples` is what they are called. */
export const batchOptions = (examples: string, batch: number): readonly Option[] => [
  new Option('--batch <n>', `${examples} in an update`).default(batch).argParser(positive),
  new Option('--micro-batch <n>', `${examples} computed at a time, where memory is short (default: all)`).argParser(
    positive,
  ),
];

/** The seed. `what` it is of. */
export const seedOption = (what: string): Option =>
  new Option('--seed <n>', `of ${what}`).default(0).argParser(natural);

/** Where the tensors are. */
export const runtimeOptions = (): readonly Option[] => [
  new Option('--threads <n>', 'threads of the tensor runtime')
    .default(Math.min(availableParallelism(), 4))
    .argParser(positive),
  new Option('--device <kind>', 'its execution provider').choices(['cpu', 'cuda']).default('cpu'),
];

/** Options added in their order. */
export function withOptions<C extends { addOption(option: Option): unknown }>(
  command: C,
  ...options: readonly Option[]
): C {
  for (const option of options) command.addOption(option);
  return command;
}

/** What the flags of {@link TrainingFlags} mean as settings. */
export function trainingSettingsOf({ loraRank, loraAlpha, loraTargets, microBatch, ...rest }: TrainingFlags) {
  if (loraRank === undefined && (loraAlpha !== undefined || loraTargets !== undefined)) {
    throw new UserError('--lora-alpha and --lora-targets belong to adapters: give --lora-rank too, or leave them out');
  }
  return {
    batch: rest.batch,
    microBatch: Math.min(microBatch ?? rest.batch, rest.batch),
    seed: rest.seed,
    threads: rest.threads,
    device: rest.device,
    ...(loraRank !== undefined && {
      lora: { rank: loraRank, alpha: loraAlpha ?? 2 * loraRank, ...(loraTargets && { targets: loraTargets }) },
    }),
  };
}
