/** `gapo sft`: supervised fine-tuning, which makes the model that alignment starts from. */
import { availableParallelism } from 'node:os';
import { Command, InvalidArgumentError, Option } from 'commander';
import type { FinetuningEvent, FinetuningSettings } from '@gapo/finetuning';
import { UserError } from '@gapo/telemetry';
import { EXIT_INTERRUPTED, Exit } from '../exit.js';
import { listenForInterrupts } from '../interrupts.js';
import { jsonOption, natural, positive } from '../options.js';
import { note, print, printJson } from '../output.js';
import { fromHere } from '../project.js';
import { runFinetuning } from '../processes/finetuning.js';
import { FinetuningProgress, finetuningResult } from '../render/finetuning.js';
import { makeReporter } from '../render/reporter.js';

interface SftFlags {
  model: string;
  out: string;
  loraRank?: number;
  loraAlpha?: number;
  loraTargets?: string[];
  epochs: number;
  batch: number;
  microBatch?: number;
  learningRate?: number;
  schedule: FinetuningSettings['schedule'];
  warmup: number;
  weightDecay: number;
  maxGradNorm: number;
  heldOut: number;
  seed: number;
  checkpointEvery: number;
  threads: number;
  device: FinetuningSettings['device'];
  json?: true;
}

/** Highest rates that are usual: adapters start at zero and take larger steps. */
const defaultRates = { lora: 2e-4, full: 2e-5 } as const;

function number(text: string, low: number, high: number, what: string): number {
  const value = Number(text);
  if (text.trim() === '' || !(value >= low && value <= high)) throw new InvalidArgumentError(`Expected ${what}.`);
  return value;
}

const above0 = (text: string): number => number(text, Number.MIN_VALUE, Number.MAX_VALUE, 'a number above 0');
const from0 = (text: string): number => number(text, 0, Number.MAX_VALUE, 'a number of at least 0');
const share =
  (most: number) =>
  (text: string): number =>
    number(text, 0, most, `a share from 0 to ${most}`);

function settingsOf(data: readonly string[], flags: SftFlags): FinetuningSettings {
  const { loraRank, loraAlpha, loraTargets, microBatch, learningRate, json: _, ...rest } = flags;
  if (loraRank === undefined && (loraAlpha !== undefined || loraTargets !== undefined)) {
    throw new UserError('--lora-alpha and --lora-targets belong to adapters: give --lora-rank too, or leave them out');
  }
  return {
    ...rest,
    data: data.map(fromHere),
    model: fromHere(flags.model),
    out: fromHere(flags.out),
    ...(loraRank !== undefined && {
      lora: { rank: loraRank, alpha: loraAlpha ?? 2 * loraRank, ...(loraTargets && { targets: loraTargets }) },
    }),
    microBatch: Math.min(microBatch ?? flags.batch, flags.batch),
    learningRate: learningRate ?? (loraRank === undefined ? defaultRates.full : defaultRates.lora),
  };
}

async function sft(data: readonly string[], flags: SftFlags): Promise<void> {
  const settings = settingsOf(data, flags);
  const interrupts = listenForInterrupts();
  const reporter = makeReporter(process.stderr, flags.json === true);
  const progress = new FinetuningProgress();
  let end: Extract<FinetuningEvent, { event: 'end' }> | undefined;
  try {
    await runFinetuning(
      settings,
      (event) => {
        progress.take(event);
        if (event.event === 'end') end = event;
        else if (event.event === 'update') reporter.work(progress.line());
        else reporter.say(progress.line());
      },
      interrupts.asked,
    );
  } finally {
    reporter.finish();
    interrupts.release();
  }
  if (end === undefined) throw new Error('the process that trains ended without a result');
  if (!end.finished) {
    note(`stopped after update ${end.updates}; the same command goes on from there`);
    throw new Exit(EXIT_INTERRUPTED);
  }
  const { event: _, finished: _finished, ...result } = end;
  if (flags.json) printJson({ directory: settings.out, ...result });
  else print(`${settings.out}: ${finetuningResult(end)}; name it as policy.model in a run configuration`);
}

/** The command. */
export function sftCommand(): Command {
  return new Command('sft')
    .description('fine-tune a model on texts, prompts with completions, or conversations')
    .argument('<data...>', 'files of JSON lines')
    .addOption(new Option('--model <directory>', 'the model to start from').makeOptionMandatory())
    .addOption(new Option('--out <directory>', 'where the trained model goes').makeOptionMandatory())
    .addOption(
      new Option('--lora-rank <n>', 'train adapters of this rank; without it every weight').argParser(positive),
    )
    .addOption(new Option('--lora-alpha <x>', 'their scale times the rank (default: twice the rank)').argParser(above0))
    .addOption(
      new Option('--lora-targets <names>', 'what has adapters, as q_proj,v_proj (default: every linear map)').argParser(
        (text) => text.split(','),
      ),
    )
    .addOption(new Option('--epochs <n>', 'passes over the data').default(1).argParser(positive))
    .addOption(new Option('--batch <n>', 'sequences in an update').default(16).argParser(positive))
    .addOption(
      new Option('--micro-batch <n>', 'sequences computed at a time, where memory is short (default: all)').argParser(
        positive,
      ),
    )
    .addOption(
      new Option(
        '--learning-rate <x>',
        `the highest rate (default: ${defaultRates.lora} with adapters, else ${defaultRates.full})`,
      ).argParser(above0),
    )
    .addOption(
      new Option('--schedule <kind>', 'its course after the warm-up')
        .choices(['constant', 'linear', 'cosine'])
        .default('cosine'),
    )
    .addOption(
      new Option('--warmup <share>', 'share of the updates in which it rises').default(0.03).argParser(share(0.9)),
    )
    .addOption(new Option('--weight-decay <x>', 'decoupled decay of AdamW').default(0).argParser(from0))
    .addOption(new Option('--max-grad-norm <x>', 'longer gradients are shortened').default(1).argParser(above0))
    .addOption(
      new Option('--held-out <share>', 'share of the lines that is kept out and measured')
        .default(0.05)
        .argParser(share(0.5)),
    )
    .addOption(new Option('--seed <n>', 'of the order, the split and the adapters').default(0).argParser(natural))
    .addOption(new Option('--checkpoint-every <n>', 'updates between checkpoints').default(100).argParser(positive))
    .addOption(
      new Option('--threads <n>', 'threads of the tensor runtime')
        .default(Math.min(availableParallelism(), 4))
        .argParser(positive),
    )
    .addOption(new Option('--device <kind>', 'its execution provider').choices(['cpu', 'cuda']).default('cpu'))
    .addOption(jsonOption())
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
