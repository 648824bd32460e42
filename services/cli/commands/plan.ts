/** `gapo plan`: what a run needs, computed from the model's config.json and the run configuration alone. */
import { resolve } from 'node:path';
import { planOf, readDecoderConfig, type RunExtents } from '@gapo/model';
import { Command, InvalidArgumentError, Option } from 'commander';
import { readConfigFile } from '../configFile.js';
import { jsonOption } from '../options/options.js';
import { print, printJson } from '../output.js';
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

function tokens(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError('Expected an integer of at least 1.');
  return value;
}

async function plan(path: string, flags: PlanFlags): Promise<void> {
  const { device, promptTokens, teraflops } = flags;
  const { config, baseDirectory } = readConfigFile(fromHere(path));
  const decoder = await readDecoderConfig(resolve(baseDirectory, config.policy.model));
  const lora = await loraOf(config, decoder, baseDirectory);
  const run = extentsOf(config, decoder, lora, { device, promptTokens });
  const found = planOf(decoder, run);
  if (flags.json) printJson({ ...found, run, teraflops: teraflops ?? null });
  else print(planText(found, run, teraflops));
}

/** The command. */
export function planCommand(): Command {
  return new Command('plan')
    .description('what a run needs: memory of every process, operations of a step')
    .argument('<config>', 'the run configuration, YAML; of its model config.json alone is read')
    .addOption(new Option('--device <kind>', 'where workers compute').choices(['cpu', 'cuda']).default('cpu'))
    .addOption(
      new Option('--prompt-tokens <n>', 'tokens of a prompt (default: 256, or what the context leaves)').argParser(
        tokens,
      ),
    )
    .addOption(
      new Option('--teraflops <x>', 'what a worker computes in a second, for an estimate of times').argParser(above0),
    )
    .addOption(jsonOption())
    .addHelpText(
      'after',
      `
Nothing is measured and no weights are needed. Workers beyond the number of shards have nothing to do. Memory is an
estimate: leave a quarter more.

Example:
  gapo plan examples/assistant/run.yaml --prompt-tokens 24 --teraflops 0.15`,
    )
    .action(plan);
}
