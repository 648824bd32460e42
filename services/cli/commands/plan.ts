/**
 * `gapo plan`: computes the memory and operations of a run from the model's config.json and the run configuration. If the model
 * has weights, their headers must agree, as they must for training.
 */
import { resolve } from 'node:path';
import { planOf, readDecoderShape, type RunExtents } from '@gapo/model';
import { Command, InvalidArgumentError, Option } from 'commander';
import { readConfigFile } from '../configFile.js';
import { atLeast1, jsonOption } from '../options/options.js';
import { note, print, printJson } from '../output.js';
import { fromHere } from '../project.js';
import { planText } from '../render/plan.js';
import { extentsOf, loraOf } from '../sizing/runExtents.js';

interface PlanFlags {
  device: RunExtents['device'];
  promptTokens?: number;
  teraflops?: number;
  json?: true;
}

function above0(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !(value > 0 && Number.isFinite(value)))
    throw new InvalidArgumentError('Expected a number above 0.');
  return value;
}

async function plan(path: string, flags: PlanFlags): Promise<void> {
  const { device, promptTokens, teraflops } = flags;
  const { config, baseDirectory } = readConfigFile(fromHere(path));
  const { model, ignoreKeys } = config.policy;
  const { config: decoder, notes } = await readDecoderShape(resolve(baseDirectory, model), { ignoreKeys });
  notes.forEach(note);
  const lora = await loraOf(config, decoder, baseDirectory);
  const run = extentsOf(config, decoder, lora, { device, promptTokens });
  const found = planOf(decoder, run);
  if (flags.json) printJson({ ...found, run, teraflops: teraflops ?? null });
  else print(planText(found, run, teraflops));
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
    .addOption(new Option('--teraflops <x>', 'throughput of a worker, to estimate times').argParser(above0))
    .addOption(jsonOption())
    .addHelpText(
      'after',
      `
Measures nothing and needs no weights. More workers than shards would be idle. Memory is an estimate: leave a quarter more.

Example:
  gapo plan examples/assistant/run.yaml --prompt-tokens 24 --teraflops 0.15`,
    )
    .action(plan);
}
