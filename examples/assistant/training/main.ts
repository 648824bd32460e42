/** Makes the example's models from nothing but the generator and a seed: `make models`. */
import { copyFile, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import {
  type NamedTensor,
  Tokenizer,
  encodeSafetensors,
  llamaConfig,
  parseHeader,
  toHuggingFaceConfig,
} from '@gapo/model';
import { exportClassifier } from '@gapo/policy';
import { trainPolicy } from './policyModel.js';
import { type Objective, type RewardResult, trainReward } from './rewardModel.js';
import { policyShape, rewardShape, withVocabulary } from './settings.js';

const example = fileURLToPath(new URL('../..', import.meta.url));
const parts = ['helpful', 'harmless', 'policy'] as const;
type Part = (typeof parts)[number];

const help = `Usage: node examples/assistant/dist/training/main.js [--out DIR] [--only ${parts.join('|')}] [--share X]

Trains the example's policy and reward models from the generator and a fixed seed, and writes them as Hugging Face
directories with a report of held-out figures. The same machine kind gives the same bytes.

  --out DIR    where to write          [examples/assistant/models]
  --only PART  just one of ${parts.join(', ')}
  --share X    the share of the training examples to use, for a quick try   [1]

Example: node examples/assistant/dist/training/main.js --out /tmp/models --share 0.02
`;

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      out: { type: 'string', default: join(example, 'models') },
      only: { type: 'string' },
      share: { type: 'string', default: '1' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(help);
    return 0;
  }
  const share = Number(values.share);
  const only = values.only as Part | undefined;
  if (!(share > 0 && share <= 1) || (only !== undefined && !parts.includes(only))) {
    process.stderr.write(`--share must be above 0 and at most 1, --only one of ${parts.join(', ')}\n\n${help}`);
    return 2;
  }
  const tokenizerDirectory = join(example, 'tokenizer');
  const tokenizer = await Tokenizer.read(tokenizerDirectory);
  const report = (line: string): void => void process.stderr.write(`${line}\n`);
  const options = { threads: Math.min(availableParallelism(), 4), share, report };
  const figures: Record<string, unknown> = await previousFigures(values.out);
  for (const part of parts) {
    if (only !== undefined && only !== part) continue;
    const started = performance.now();
    if (part === 'policy') {
      const { tensors, losses } = await trainPolicy(tokenizer, options);
      const config = toHuggingFaceConfig(withVocabulary(policyShape, tokenizer.size), 'LlamaForCausalLM');
      await writeModel(join(values.out, part), tokenizerDirectory, config, tensors);
      figures[part] = { ...losses, seconds: seconds(started) };
    } else {
      const result = await trainReward(part, tokenizer, options);
      await writeReward(join(values.out, part), tokenizerDirectory, tokenizer.size, part, result);
      const { accuracy, threshold } = result;
      figures[part] = { accuracy, ...(threshold === undefined ? {} : { threshold }), seconds: seconds(started) };
    }
    report(`${part}: ${JSON.stringify(figures[part])}`);
    await writeFile(join(values.out, 'report.json'), `${JSON.stringify(figures, null, 2)}\n`);
  }
  return 0;
}

async function writeReward(
  directory: string,
  tokenizerDirectory: string,
  vocabulary: number,
  objective: Objective,
  { tensors, threshold }: RewardResult,
): Promise<void> {
  const shape = withVocabulary(rewardShape, vocabulary);
  const file = 'model.safetensors';
  const locations = parseHeader(encodeSafetensors(tensors), file);
  await writeModel(
    directory,
    tokenizerDirectory,
    {
      ...toHuggingFaceConfig(shape, 'LlamaForSequenceClassification'),
      num_labels: 1,
      gapo_reward: {
        objective,
        orientation: 'higher_is_better',
        max_tokens: shape.context,
        ...(threshold === undefined ? {} : { threshold: threshold.score }),
      },
    },
    tensors,
    { 'model.onnx': exportClassifier(llamaConfig(shape), file, locations) },
  );
}

/** Writes a model directory whole or not at all. */
async function writeModel(
  directory: string,
  tokenizerDirectory: string,
  config: Readonly<Record<string, unknown>>,
  tensors: readonly NamedTensor[],
  more: Readonly<Record<string, Uint8Array>> = {},
): Promise<void> {
  const partial = `${directory}.partial`;
  await rm(partial, { recursive: true, force: true });
  await mkdir(partial, { recursive: true });
  await writeFile(join(partial, 'config.json'), `${JSON.stringify(config, null, 2)}\n`);
  await writeFile(join(partial, 'model.safetensors'), encodeSafetensors(tensors));
  for (const [name, bytes] of Object.entries(more)) await writeFile(join(partial, name), bytes);
  for (const name of ['tokenizer.json', 'tokenizer_config.json', 'special_tokens_map.json']) {
    await copyFile(join(tokenizerDirectory, name), join(partial, basename(name)));
  }
  await rm(directory, { recursive: true, force: true });
  await rename(partial, directory);
}

async function previousFigures(out: string): Promise<Record<string, unknown>> {
  try {
    return JSON.parse(await readFile(join(out, 'report.json'), 'utf8')) as Record<string, unknown>;
  } catch {
    return {};
  }
}

function seconds(started: number): number {
  return Math.round((performance.now() - started) / 1000);
}

process.exitCode = await main();
