/** `gapo sft`: supervised fine-tuning, for the model that alignment starts from. */
import { finetuningKeys, finetuningSettings, type FinetuningSettings } from '@gapo/config';
import { parseValue, type z } from '@gapo/service';
import type { FinetuningResult } from '@gapo/training';
import { Command } from 'commander';
import { exitInterrupted, Exit } from '../exit.js';
import { jsonOption } from '../options/options.js';
import { settingOption } from '../options/settingOption.js';
import {
  adapterOptions,
  dataOptions,
  runtimeOptions,
  templateOption,
  withAdapters,
  withOptions,
  type AdapterFlags,
} from '../options/trainingOptions.js';
import { note, print, printJson } from '../output.js';
import { fromHere } from '../project.js';
import { fixed } from '../render/numbers.js';
import { followTraining } from '../runs/followTraining.js';

interface SftFlags extends AdapterFlags, Omit<z.input<typeof finetuningSettings>, 'data' | 'lora'> {
  json?: true;
}

function settingsOf(data: readonly string[], { json: _, ...flags }: SftFlags): FinetuningSettings {
  const paths = { data: data.map(fromHere), model: fromHere(flags.model), out: fromHere(flags.out) };
  return parseValue(finetuningSettings, { ...withAdapters(flags), ...paths }, 'gapo sft');
}

async function sft(data: readonly string[], flags: SftFlags): Promise<void> {
  const settings = settingsOf(data, flags);
  const end = await followTraining<FinetuningSettings, FinetuningResult>({
    program: 'sft',
    settings,
    units: { examples: 'sequences', weight: 'tokens' },
    json: flags.json === true,
  });
  if (!end.finished) {
    note(`stopped after update ${end.updates}; the same command resumes from there`);
    throw new Exit(exitInterrupted);
  }
  const { event: _, finished: _finished, ...result } = end;
  if (flags.json) printJson({ directory: settings.out, ...result });
  else print(`${settings.out}: ${resultText(end)}; use it as policy.model in a run configuration`);
}

/** Formats the result, such as `loss 0.812 over the last tenth of the updates, held out 2.104 → 0.951`. */
function resultText({ loss, heldOutLosses }: FinetuningResult): string {
  const first = heldOutLosses[0];
  const heldOut = first === undefined ? [] : [`held out ${fixed(first, 3)} → ${fixed(heldOutLosses.at(-1), 3)}`];
  return [`loss ${fixed(loss ?? undefined, 3)} over the last tenth of the updates`, ...heldOut].join(', ');
}

/** Creates the command. */
export function sftCommand(): Command {
  const keys = finetuningKeys;
  return withOptions(
    new Command('sft')
      .description('fine-tune a model on texts, prompts with completions, or conversations')
      .argument('<data...>', 'files of JSON Lines, JSON arrays or Parquet'),
    settingOption('--model <directory>', keys.model),
    settingOption('--out <directory>', keys.out),
    ...dataOptions(keys),
    templateOption(keys.chatTemplateKwargs),
    ...adapterOptions(),
    settingOption('--epochs <n>', keys.epochs),
    settingOption('--batch <n>', keys.batch),
    settingOption('--micro-batch <n>', keys.microBatch),
    settingOption('--learning-rate <x>', keys.learningRate),
    settingOption('--schedule <kind>', keys.schedule),
    settingOption('--warmup <share>', keys.warmup),
    settingOption('--weight-decay <x>', keys.weightDecay),
    settingOption('--max-grad-norm <x>', keys.maxGradNorm),
    settingOption('--held-out <share>', keys.heldOut),
    settingOption('--seed <n>', keys.seed),
    settingOption('--checkpoint-every <n>', keys.checkpointEvery),
    ...runtimeOptions(),
    jsonOption(),
  )
    .addHelpText(
      'after',
      `
A line of data is one of
  {"text": "..."}                                                 trained on from the second token
  {"prompt": "...", "completion": "..."}                          the completion is trained on
  {"messages": [{"role": "user", "content": "..."}, ...]}         the assistant's turns are trained on
or one of the forms that other tools write: messages in prompt and completion, ShareGPT's conversations, Alpaca's instruction,
input and output. Other columns are ignored.
Prompts and conversations go through the model's chat template. The result is a Hugging Face directory with the
adapters merged into its weights. Ctrl-C stops after the update in progress; the same command resumes from there.

Example:
  gapo sft dialogues.jsonl --model models/base --out models/assistant --lora-rank 16 --epochs 2`,
    )
    .action(sft);
}
