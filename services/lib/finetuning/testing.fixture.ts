/** For the tests of this package: a small random model with the example's tokenizer, and lines to learn. */
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { llamaConfig, randomDecoder, toHuggingFaceConfig, writeSafetensors } from '@gapo/model';
import type { FinetuningSettings } from './settings.js';

/** A tokenizer with a chat template. */
export const tokenizerDirectory = fileURLToPath(new URL('../../../../examples/assistant/tokenizer', import.meta.url));

const shape = {
  vocabulary: 1536,
  width: 32,
  feedForward: 48,
  layers: 2,
  heads: 4,
  keyValueHeads: 2,
  headWidth: 8,
  context: 64,
  epsilon: 1e-5,
  ropeTheta: 10000,
  tiedEmbeddings: true,
  bosId: 1,
  eosIds: [2],
};

const things = ['printer', 'badge', 'router', 'laptop', 'phone'];

/** Questions with an answer, in all three forms of a line. */
export const lines: readonly object[] = Array.from({ length: 60 }, (_, i) => {
  const thing = things[i % things.length]!;
  const [question, answer] = [`Where is the ${thing} number ${i}?`, `The ${thing} is in room two.`];
  if (i % 3 === 0) return { text: answer };
  if (i % 3 === 1) return { prompt: question, completion: answer };
  return {
    messages: [
      { role: 'user', content: question },
      { role: 'assistant', content: answer },
    ],
  };
});

/** A directory that goes with the test: model/, data.jsonl. */
export async function workspace(t: TestContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'gapo-sft-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  const model = join(directory, 'model');
  await cp(tokenizerDirectory, model, { recursive: true });
  const config = llamaConfig(shape);
  await writeFile(join(model, 'config.json'), JSON.stringify(toHuggingFaceConfig(shape, 'LlamaForCausalLM')));
  await writeSafetensors(join(model, 'model.safetensors'), randomDecoder(config, 1));
  await writeFile(join(directory, 'data.jsonl'), lines.map((line) => JSON.stringify(line)).join('\n'));
  return directory;
}

/** Settings that train that model in a second. */
export function settingsFor(directory: string, more: Partial<FinetuningSettings> = {}): FinetuningSettings {
  return {
    data: [join(directory, 'data.jsonl')],
    model: join(directory, 'model'),
    out: join(directory, 'out'),
    lora: { rank: 4, alpha: 8 },
    epochs: 2,
    batch: 8,
    microBatch: 8,
    learningRate: 2e-2,
    schedule: 'cosine',
    warmup: 0.1,
    weightDecay: 0,
    maxGradNorm: 1,
    heldOut: 0.1,
    seed: 3,
    checkpointEvery: 100,
    threads: 1,
    device: 'cpu',
    ...more,
  };
}
