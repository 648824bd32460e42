/** `gapo reward train`: a reward model from preference pairs, for `gapo reward serve`. */
import { basename, extname } from 'node:path';
import { word, UserError } from '@gapo/service';
import type { FitResult, FitSettings } from '@gapo/training';
import { Command, Option } from 'commander';
import { exitInterrupted, Exit } from '../exit.js';
import { atLeast1, jsonOption, positive } from '../options/options.js';
import {
  type TrainingFlags,
  batchOptions,
  loraOptions,
  rate,
  runtimeOptions,
  seedOption,
  shareAbove0,
  trainingSettingsOf,
  withOptions,
} from '../options/trainingOptions.js';
import { note, print, printJson } from '../output.js';
import { fromHere } from '../project.js';
import { rewardQualityText } from '../render/rewardQuality.js';
import { followTraining } from './followTraining.js';

interface RewardTrainFlags extends TrainingFlags {
  from?: string;
  scratch?: string;
  out?: string;
  objective?: string;
  epochs?: number;
  learningRate?: number;
  heldOut: number;
  maxTokens: number;
  json?: true;
}

/** What is usual for each kind of start: passes over the data, and the highest rate. */
const usual = {
  scratch: { epochs: 4, learningRate: 1e-2 },
  lora: { epochs: 1, learningRate: 1e-4 },
  full: { epochs: 1, learningRate: 1e-5 },
} as const;

function startOf({ from, scratch, loraRank }: RewardTrainFlags): FitSettings['start'] {
  if (from !== undefined && scratch === undefined) return { decoder: fromHere(from) };
  if (scratch === undefined) {
    throw new UserError(
      'give --from DIRECTORY to start from a decoder, or --scratch TOKENIZER for an embedding bag from nothing',
    );
  }
  if (from !== undefined) throw new UserError('--from and --scratch are two starts: give one of them');
  if (loraRank !== undefined)
    throw new UserError('--lora-rank belongs to --from: a model from nothing has no adapters');
  return { tokenizer: fromHere(scratch) };
}

function objectiveOf(given: string | undefined, out: string): string {
  const objective = given ?? basename(out);
  if (word.safeParse(objective).success) return objective;
  throw new UserError(
    `"${objective}" is no name for an objective: give --objective, a word of letters, digits, "-" and "_"`,
  );
}

function settingsOf(data: readonly string[], flags: RewardTrainFlags): FitSettings {
  const start = startOf(flags);
  const { epochs, learningRate } =
    usual['tokenizer' in start ? 'scratch' : flags.loraRank === undefined ? 'full' : 'lora'];
  const first = data[0]!;
  const out = fromHere(flags.out ?? `${basename(first, extname(first))}-reward`);
  return {
    ...trainingSettingsOf(flags),
    data: data.map(fromHere),
    out,
    objective: objectiveOf(flags.objective, out),
    start,
    epochs: flags.epochs ?? epochs,
    learningRate: flags.learningRate ?? learningRate,
    heldOut: flags.heldOut,
    maxTokens: flags.maxTokens,
  };
}

async function rewardTrain(data: readonly string[], flags: RewardTrainFlags): Promise<void> {
  const settings = settingsOf(data, flags);
  const { updates, quality } = await followTraining<FitSettings, FitResult>({
    program: 'rewardModel',
    settings,
    units: { examples: 'pairs', weight: 'pairs' },
    json: flags.json === true,
  });
  if (quality === null) {
    note(`stopped after update ${updates}; nothing is written`);
    throw new Exit(exitInterrupted);
  }
  const { out: directory, objective } = settings;
  if (flags.json) printJson({ directory, objective, updates, ...quality });
  else print(`${rewardQualityText(quality)}\n\n${directory} is written: gapo reward serve ${directory}`);
}

/** The command. */
export function rewardTrainCommand(): Command {
  return withOptions(
    new Command('train')
      .description('fit a reward model on preference pairs, for gapo reward serve')
      .argument('<data...>', 'files of JSON lines'),
    new Option('--from <directory>', 'start from a decoder, with a new head'),
    new Option(
      '--scratch <tokenizer>',
      "start an embedding bag from nothing but a tokenizer.json, or a model's directory",
    ),
    new Option('--out <directory>', "where the reward model goes (default: the data's name and -reward, here)"),
    new Option('--objective <name>', 'what it judges, as its service states it (default: the name of that directory)'),
    ...loraOptions(),
    new Option(
      '--epochs <n>',
      `passes over the data (default: ${usual.full.epochs} from a decoder, ${usual.scratch.epochs} from nothing)`,
    ).argParser(positive),
    ...batchOptions('pairs', 32),
    new Option(
      '--learning-rate <x>',
      `the highest rate (default: ${usual.scratch.learningRate} from nothing, ${usual.lora.learningRate} with ` +
        `adapters, else ${usual.full.learningRate})`,
    ).argParser(rate),
    new Option('--held-out <share>', 'share of the pairs that is kept out, by whole prompts, and measured')
      .default(0.1)
      .argParser(shareAbove0(0.5)),
    new Option(
      '--max-tokens <n>',
      "the longest conversation; a decoder's context at the most; longer ones lose their beginning",
    )
      .default(1024)
      .argParser(atLeast1),
    seedOption('the order, the split and the fresh weights'),
    ...runtimeOptions(),
    jsonOption(),
  )
    .addHelpText(
      'after',
      `
A line of the data is one of
  {"prompt": "...", "chosen": "...", "rejected": "..."}
  {"prompt": [{"role": "user", "content": "..."}, ...], "chosen": [{"role": "assistant", ...}], "rejected": [...]}
  {"chosen": [whole conversation], "rejected": [whole conversation]}
Scores are fitted so that P(chosen) = 1 / (1 + exp(score(rejected) - score(chosen))) (Bradley and Terry 1952).

--scratch takes seconds on one core, and is enough where words tell: tone, refusals, forbidden topics. --from is for what
takes reading: whether an answer fits its prompt. Small decoders need higher rates than the defaults, 1e-3 for a million
parameters. The same seed and data make the same model, byte for byte. Ctrl-C leaves nothing behind.

Example:
  gapo reward train pairs.jsonl --scratch models/policy/tokenizer.json --out models/polite
  gapo reward train pairs.jsonl --from models/policy --lora-rank 16 --out models/polite
  gapo reward serve models/polite`,
    )
    .action(rewardTrain);
}
