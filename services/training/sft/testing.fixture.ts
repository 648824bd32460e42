/** For tests: a small random model with the example's tokenizer, and training data. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { FinetuningSettings } from '@gapo/config';
import { writeSmallModel } from '@gapo/model/testing';
import { at } from '@gapo/numeric';
import { temporaryDirectory } from '@gapo/service/testing';

const things = ['printer', 'badge', 'router', 'laptop', 'phone'];

/** Questions with an answer, in all three forms of a line. */
export const lines: readonly object[] = Array.from({ length: 60 }, (_, i) => {
  const thing = at(things, i % things.length);
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

/** Creates a directory with model/ and data.jsonl, which is removed after the test. */
export async function workspace(t: TestContext): Promise<string> {
  const directory = await temporaryDirectory(t);
  await writeSmallModel(join(directory, 'model'));
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
    overlong: 'refuse',
    heldOut: 0.1,
    seed: 3,
    checkpointEvery: 100,
    threads: 1,
    device: 'cpu',
    ...more,
  };
}
