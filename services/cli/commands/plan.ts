/**
 * `gapo plan`: computes the memory and operations of a run from the model's config.json and the run configuration. If the model
 * has weights, their headers must agree, as they must for training; if it has a tokenizer, the data must be readable.
 */
import { stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { RunConfig } from '@gapo/config';
import {
  coordinatorBytesPerSecond,
  type DecoderConfig,
  planOf,
  type Rates,
  readDecoderShape,
  stepTimes,
} from '@gapo/model';
import { DataReader } from '@gapo/run-data';
import { UserError } from '@gapo/service';
import { Command, Option } from 'commander';
import { readConfigFile } from '../configFile.js';
import { atLeast1, jsonOption, positiveReal } from '../options/options.js';
import { note, print, printJson } from '../output.js';
import { fromHere } from '../project.js';
import { planText } from '../render/plan.js';
import { defaultConcurrency, enginesOf, type EngineFlags } from '../sizing/engines.js';
import { extentsOf, loraOf } from '../sizing/runExtents.js';

interface PlanFlags extends EngineFlags {
  promptTokens?: number;
  teraflops?: number;
  memoryBandwidth?: number;
  link?: number;
  skipData?: true;
  json?: true;
}

/**
 * Reads the tokenizer and the data of a run, as its creation does, within a coordinator's default limits.
 *
 * @throws UserError if the run could not be created with them
 */
async function checkData(config: RunConfig, decoder: DecoderConfig, baseDirectory: string): Promise<void> {
  const directory = resolve(baseDirectory, config.policy.model);
  if ((await stat(join(directory, 'tokenizer.json')).catch(() => undefined)) === undefined) {
    return note(`${directory} has no tokenizer.json: the data is not checked`);
  }
  const { ignoreKeys = [], chatTemplateKwargs: variables } = config.policy;
  const options = { ignoreKeys, template: { variables, now: new Date() } };
  const reader = new DataReader();
  try {
    const { files } = await reader.read({ config, baseDirectory, tokenizer: { directory, options }, decoder });
    for (const { key, file, rows, dropped, truncated } of files) {
      if (dropped + truncated > 0) {
        note(
          `data.${key}: ${dropped} of ${rows} rows of ${file} are too long and left out, ${truncated} truncated from the left`,
        );
      }
    }
  } finally {
    reader.close();
  }
}

/**
 * Returns the given rates.
 *
 * @throws UserError for rates without `--teraflops`
 */
function ratesOf({ teraflops, memoryBandwidth, interconnect, link }: PlanFlags): Rates | undefined {
  if (teraflops === undefined) {
    if (memoryBandwidth === undefined && interconnect === undefined && link === undefined) return undefined;
    throw new UserError(
      '--memory-bandwidth, --interconnect and --link estimate times together with --teraflops: add it',
    );
  }
  return {
    operations: teraflops * 1e12,
    memory: memoryBandwidth === undefined ? undefined : memoryBandwidth * 1e9,
    interconnect: interconnect === undefined ? undefined : interconnect * 1e9,
    link: Math.min(link === undefined ? Infinity : (link * 1e9) / 8, coordinatorBytesPerSecond),
  };
}

async function plan(path: string, flags: PlanFlags): Promise<void> {
  const { device, promptTokens, gpuMemory } = flags;
  const rates = ratesOf(flags);
  const engines = enginesOf(flags);
  const { config, baseDirectory } = readConfigFile(fromHere(path));
  const { model, ignoreKeys } = config.policy;
  const { config: decoder, notes } = await readDecoderShape(resolve(baseDirectory, model), { ignoreKeys });
  notes.forEach(note);
  const lora = await loraOf(config, decoder, baseDirectory);
  const run = extentsOf(config, decoder, lora, { device, engines, promptTokens });
  const found = planOf(decoder, run);
  if (!flags.skipData) await checkData(config, decoder, baseDirectory);
  if (flags.json)
    printJson({ ...found, run, rates: rates ?? null, times: rates ? stepTimes(found, run, rates) : null });
  else print(planText(found, run, { rates, gpuMemory: gpuMemory === undefined ? undefined : gpuMemory * 2 ** 30 }));
}

/** Creates the command. */
export function planCommand(): Command {
  return new Command('plan')
    .description('estimate the memory of every process and the operations of a step')
    .argument('<config>', 'the run configuration, YAML; its model needs only config.json')
    .addOption(new Option('--device <kind>', "the workers' device").choices(['cpu', 'cuda']).default('cpu'))
    .addOption(
      new Option(
        '--prompt-tokens <n>',
        'tokens of a prompt (default: 256, or as many as the context leaves room for)',
      ).argParser(atLeast1),
    )
    .addOption(new Option('--rollout-engine <name>', 'what samples').choices(['native', 'vllm']).default('native'))
    .addOption(
      new Option('--rollout-gpus <n>', 'GPUs of a vLLM server, its tensor parallelism (default: 1)').argParser(
        atLeast1,
      ),
    )
    .addOption(
      new Option(
        '--concurrency <n>',
        `completions in progress at a vLLM server, ENGINE_CONCURRENCY (default: ${defaultConcurrency})`,
      ).argParser(atLeast1),
    )
    .addOption(
      new Option('--gradient-engine <name>', 'what computes gradients')
        .choices(['native', 'pytorch'])
        .default('native'),
    )
    .addOption(
      new Option('--gradient-gpus <n>', 'processes of a PyTorch worker, each with a GPU (default: 1)').argParser(
        atLeast1,
      ),
    )
    .addOption(
      new Option(
        '--gradient-precision <type>',
        "PRECISION of a PyTorch worker: its frozen weights' type (default: bfloat16)",
      ).choices(['float32', 'bfloat16']),
    )
    .addOption(new Option('--gpu-memory <x>', 'GiB per GPU, to report what does not fit').argParser(positiveReal))
    .addOption(
      new Option('--teraflops <x>', 'throughput of a GPU, or of a worker on the CPU, to estimate times').argParser(
        positiveReal,
      ),
    )
    .addOption(
      new Option(
        '--memory-bandwidth <x>',
        'GB/s at which a GPU reads its memory, which bounds sampling (default: no bound)',
      ).argParser(positiveReal),
    )
    .addOption(
      new Option(
        '--interconnect <x>',
        'GB/s that each GPU of a worker receives from the others, which bounds sharded gradients (default: no bound)',
      ).argParser(positiveReal),
    )
    .addOption(
      new Option(
        '--link <x>',
        `Gbit/s of the coordinator's network (default and most: ${(8 * coordinatorBytesPerSecond) / 1e9}, what its process receives)`,
      ).argParser(positiveReal),
    )
    .option('--skip-data', 'do not read the tokenizer and the data files')
    .addOption(jsonOption())
    .addHelpText(
      'after',
      `
Measures nothing and needs no weights. The tokenizer and the data are read as for a run, so what a run would refuse is refused
here; without a tokenizer.json, or with --skip-data, this check is skipped. Workers beyond the number of shards would be idle. Memory is an estimate: allow a
quarter more. Times are bounds from the rates given: docs/scaling.md has the formulas.

Examples:
  gapo plan examples/assistant/run.yaml --prompt-tokens 24 --teraflops 0.15 --link 1
  gapo plan run.yaml --device cuda --rollout-engine vllm --gradient-engine pytorch --gradient-gpus 8 --gpu-memory 80`,
    )
    .action(plan);
}
