/** `gapo sft`: supervised fine-tuning, which makes the model that alignment starts from. */
import type { FinetuningResult, FinetuningSettings } from '@gapo/training';
import { Command, Option } from 'commander';
import { exitInterrupted, Exit } from '../exit.js';
import { jsonOption, positive } from '../options/options.js';
import {
  type TrainingFlags,
  above0,
  batchOptions,
  loraOptions,
  rate,
  runtimeOptions,
  seedOption,
  share,
  trainingSettingsOf,
  withOptions,
} from '../options/trainingOptions.js';
import { note, print, printJson } from '../output.js';
import { fromHere } from '../project.js';
import { fixed } from '../render/numbers.js';
import { followTraining } from './followTraining.js';

interface SftFlags extends TrainingFlags {
  model: string;
  out: string;
  epochs: number;
  learningRate?: number;
  schedule: FinetuningSettings['schedule'];
  warmup: number;
  weightDecay: number;
  maxGradNorm: number;
  heldOut: number;
  checkpointEvery: number;
  json?: true;
}

/** Highest rates that are usual: adapters start at zero and take larger steps. */
const defaultRates = { lora: 2e-4, full: 2e-5 } as const;

function settingsOf(data: readonly string[], flags: SftFlags): FinetuningSettings {
  const { epochs, learningRate, schedule, warmup, weightDecay, maxGradNorm, heldOut, checkpointEvery } = flags;
  return {
    ...trainingSettingsOf(flags),
    data: data.map(fromHere),
    model: fromHere(flags.model),
    out: fromHere(flags.out),
    epochs,
    learningRate: learningRate ?? (flags.loraRank === undefined ? defaultRates.full : defaultRates.lora),
    schedule,
    warmup,
    weightDecay,
    maxGradNorm,
    heldOut,
    checkpointEvery,
  };
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
    note(`stopped after update ${end.updates}; the same command goes on from there`);
    throw new Exit(exitInterrupted);
  }
  const { event: _, finished: _finished, ...result } = end;
  if (flags.json) printJson({ directory: settings.out, ...result });
  else print(`${settings.out}: ${resultText(end)}; name it as policy.model in a run configuration`);
}

/** As `loss 0.812 over the last tenth of the updates, held out 2.104 → 0.951`. */
function resultText({ loss, heldOutLosses }: FinetuningResult): string {
  const first = heldOutLosses[0];
  const heldOut = first === undefined ? [] : [`held out ${fixed(first, 3)} → ${fixed(heldOutLosses.at(-1), 3)}`];
  return [`loss ${fixed(loss ?? undefined, 3)} over the last tenth of the updates`, ...heldOut].join(', ');
}

/** The command. */
export function sftCommand(): Command {
  return withOptions(
    new Command('sft')
      .description('fine-tune a model on texts, prompts with completions, or conversations')
      .argument('<data...>', 'files of JSON lines'),
    new Option('--model <directory>', 'the model to start from').makeOptionMandatory(),
    new Option('--out <directory>', 'where the trained model goes').makeOptionMandatory(),
    ...loraOptions(),
    new Option('--epochs <n>', 'passes over the data').default(1).argParser(positive),
    ...batchOptions('sequences', 16),
    new Option(
      '--learning-rate <x>',
      `the highest rate (default: ${defaultRates.lora} with adapters, else ${defaultRates.full})`,
    ).argParser(rate),
    new Option('--schedule <kind>', 'its course after the warm-up')
      .choices(['constant', 'linear', 'cosine'])
      .default('cosine'),
    new Option('--warmup <share>', 'share of the updates in which it rises').default(0.03).argParser(share(0.9)),
    new Option('--weight-decay <x>', 'decoupled decay of AdamW').default(0).argParser(share(1)),
    new Option('--max-grad-norm <x>', 'longer gradients are shortened').default(1).argParser(above0),
    new Option('--held-out <share>', 'share of the lines that is kept out and measured')
      .default(0.05)
      .argParser(share(0.5)),
    seedOption('the order, the split and the adapters'),
    new Option('--checkpoint-every <n>', 'updates between checkpoints').default(100).argParser(positive),
    ...runtimeOptions(),
    jsonOption(),
  )
    .addHelpText(
      'after',
      `
A line of the data is one of
  {"text": "..."}                                                 learned from its second token on
  {"prompt": "...", "completion": "..."}                          the completion is learned
  {"messages": [{"role": "user", "content": "..."}, ...]}         the assistant's turns are learned
Prompts and conversations go through the model's chat template. The result is a Hugging Face directory, adapters merged
into its weights. Ctrl-C stops after the update in progress; the same command goes on from there.

Example:
  gapo sft dialogues.jsonl --model models/base --out models/assistant --lora-rank 16 --epochs 2`,
    )
    .action(sft);
}
