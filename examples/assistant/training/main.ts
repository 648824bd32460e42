/** `make models`: trains the example's models from the generator and a seed. */
import { readFile, writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Tokenizer, copyTokenizer, toHuggingFaceConfig, writeSafetensors } from '@gapo/model';
import { replaceDirectory, writeAtomically } from '@gapo/service';
import { writeReward } from '@gapo/training';
import { trainPolicy } from './policyModel.js';
import { trainReward } from './rewardModel.js';
import { policyShape, rewardShape, withVocabulary } from './settings.js';

const example = fileURLToPath(new URL('../..', import.meta.url));
const tokenizerDirectory = join(example, 'tokenizer');
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
      await writeDirectory(join(values.out, part), async (directory) => {
        await writeFile(join(directory, 'config.json'), `${JSON.stringify(config, null, 2)}\n`);
        await writeSafetensors(join(directory, 'model.safetensors'), tensors);
      });
      figures[part] = { ...losses, seconds: seconds(started) };
    } else {
      const { model, tensors, accuracy, threshold } = await trainReward(part, tokenizer, options);
      const shape = withVocabulary(rewardShape, tokenizer.size);
      const config = { ...toHuggingFaceConfig(shape, 'LlamaForSequenceClassification'), num_labels: 1 };
      const limits = { max_tokens: shape.context, ...(threshold && { threshold: threshold.score }) };
      await writeDirectory(join(values.out, part), (directory) =>
        writeReward(directory, { model, tensors, config, reward: { objective: part, ...limits } }),
      );
      figures[part] = { accuracy, ...(threshold === undefined ? {} : { threshold }), seconds: seconds(started) };
    }
    report(`${part}: ${JSON.stringify(figures[part])}`);
    await writeAtomically(join(values.out, 'report.json'), `${JSON.stringify(figures, null, 2)}\n`);
  }
  return 0;
}

/** Writes a model directory with the example's tokenizer. */
async function writeDirectory(path: string, content: (directory: string) => Promise<unknown>): Promise<void> {
  await replaceDirectory(path, async (directory) => {
    await content(directory);
    await copyTokenizer(tokenizerDirectory, directory);
  });
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
