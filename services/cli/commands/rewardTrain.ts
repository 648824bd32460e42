/** `gapo reward train`: fits a reward model on preference pairs, for `gapo reward serve`. */
import { basename, extname } from 'node:path';
import { fitKeys, fitSettings, type FitSettings } from '@gapo/config';
import { parseValue, word, UserError, type z } from '@gapo/service';
import type { FitResult } from '@gapo/training';
import { Command, Option } from 'commander';
import { exitInterrupted, Exit } from '../exit.js';
import { jsonOption } from '../options/options.js';
import { settingOption } from '../options/settingOption.js';
import {
  adapterOptions,
  dataOptions,
  runtimeOptions,
  withAdapters,
  withOptions,
  type AdapterFlags,
} from '../options/trainingOptions.js';
import { note, print, printJson } from '../output.js';
import { fromHere } from '../project.js';
import { rewardQualityText } from '../render/rewardQuality.js';
import { followTraining } from '../runs/followTraining.js';

type Given = z.input<typeof fitSettings>;

interface RewardTrainFlags extends AdapterFlags, Omit<Given, 'data' | 'lora' | 'out' | 'objective' | 'start'> {
  from?: string;
  scratch?: string;
  out?: string;
  objective?: string;
  json?: true;
}

function startOf({ from, scratch, loraRank }: RewardTrainFlags): Given['start'] {
  if (from !== undefined && scratch === undefined) return { decoder: fromHere(from) };
  if (scratch === undefined) {
    throw new UserError(
      'give --from DIRECTORY to start from a decoder, or --scratch TOKENIZER for an embedding bag from scratch',
    );
  }
  if (from !== undefined) throw new UserError('--from and --scratch exclude each other: give one of them');
  if (loraRank !== undefined)
    throw new UserError('--lora-rank belongs to --from: a model from scratch has no adapters');
  return { tokenizer: fromHere(scratch) };
}

function objectiveOf(given: string | undefined, out: string): string {
  const objective = given ?? basename(out);
  if (word.safeParse(objective).success) return objective;
  throw new UserError(
    `"${objective}" is not a valid objective name: give --objective, a word of letters, digits, "-" and "_"`,
  );
}

function settingsOf(data: readonly string[], flags: RewardTrainFlags): FitSettings {
  const { from: _from, scratch: _scratch, json: _json, objective, ...rest } = flags;
  const [first = ''] = data;
  const out = fromHere(flags.out ?? `${basename(first, extname(first))}-reward`);
  const named = { data: data.map(fromHere), out, objective: objectiveOf(objective, out), start: startOf(flags) };
  return parseValue(fitSettings, { ...withAdapters(rest), ...named }, 'gapo reward train');
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
    note(`stopped after update ${updates}; nothing was written`);
    throw new Exit(exitInterrupted);
  }
  const { out: directory, objective } = settings;
  if (flags.json) printJson({ directory, objective, updates, ...quality });
  else print(`${rewardQualityText(quality)}\n\nWrote ${directory}. Serve it with \`gapo reward serve ${directory}\`.`);
}

/** Creates the command. */
export function rewardTrainCommand(): Command {
  const keys = fitKeys;
  return withOptions(
    new Command('train')
      .description('fit a reward model on preference pairs, for gapo reward serve')
      .argument('<data...>', 'files of JSON Lines, JSON arrays or Parquet'),
    new Option('--from <directory>', 'start from a decoder with a new head'),
    new Option(
      '--scratch <tokenizer>',
      'train an embedding bag from scratch with a tokenizer.json, or that of a model directory',
    ),
    new Option('--out <directory>', "output directory (default: the data's name and -reward)"),
    new Option('--objective <name>', 'the name of its objective (default: the name of the output directory)'),
    ...dataOptions(keys),
    ...adapterOptions(),
    settingOption('--epochs <n>', keys.epochs),
    settingOption('--batch <n>', keys.batch),
    settingOption('--micro-batch <n>', keys.microBatch),
    settingOption('--learning-rate <x>', keys.learningRate),
    settingOption('--held-out <share>', keys.heldOut),
    settingOption('--max-tokens <n>', keys.maxTokens),
    settingOption('--seed <n>', keys.seed),
    ...runtimeOptions(),
    jsonOption(),
  )
    .addHelpText(
      'after',
      `
A line of data is one of
  {"prompt": "...", "chosen": "...", "rejected": "..."}
  {"prompt": [{"role": "user", "content": "..."}, ...], "chosen": [{"role": "assistant", ...}], "rejected": [...]}
  {"chosen": [whole conversation], "rejected": [whole conversation]}
  {"chosen": "\\n\\nHuman: ... \\n\\nAssistant: ...", "rejected": "..."}
Other columns are ignored.
Scores are fitted so that P(chosen) = 1 / (1 + exp(score(rejected) - score(chosen))) (Bradley and Terry 1952).

--scratch takes seconds on one core and suffices if words decide: tone, refusals, forbidden topics. Use --from if a score
depends on meaning: whether an answer fits its prompt. Small decoders need higher learning rates than the default, such as
1e-3 for a million parameters. The same seed and data give the same model, byte for byte. Ctrl-C writes nothing.

Example:
  gapo reward train pairs.jsonl --scratch models/policy/tokenizer.json --out models/polite
  gapo reward train pairs.jsonl --from models/policy --lora-rank 16 --out models/polite
  gapo reward serve models/polite`,
    )
    .action(rewardTrain);
}
