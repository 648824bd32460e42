/** Score models of every kind: what is learned of pairs, and that the model which is written scores as the one that was fitted. */
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { Session, int64 } from '@gapo/graph';
import { type NamedTensor, llamaConfig, philoxNormal, sizeOf } from '@gapo/model';
import { exampleConfigs, tinyShape, writeArchitecture } from '@gapo/model/testing';
import { adamWStep, createAdamWState } from '@gapo/numeric';
import { decoderScores } from './decoderScores.js';
import { startFromDecoder } from './decoderStart.js';
import { bagScores } from './embeddingBag.js';
import { PairEngine } from './engine.js';
import { type RewardContent, writeReward } from './rewardDirectory.js';
import type { ScoreModel } from './scoreModel.js';

const shape = { vocabulary: 19, width: 8, buckets: 31 };
const models: Readonly<Record<string, ScoreModel>> = {
  'a decoder': decoderScores(llamaConfig(tinyShape({ vocabulary: 19, layers: 2, headWidth: 4 }))),
  'an embedding bag': bagScores(shape),
};

const sequences = [[1, 3, 7, 2], [1, 3, 8, 9, 2], [1], [5, 5, 5, 5, 5, 5, 5], [18, 0, 18]];

async function folder(t: TestContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'gapo-reward-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

function noise(model: ScoreModel, deviation: number): readonly NamedTensor[] {
  return model.trained.map(({ name, shape }, index) => ({
    name,
    shape,
    data: philoxNormal(sizeOf(shape), 3, index, deviation),
  }));
}

/** The logits of the written model, on sequences padded on the right. */
async function writtenScores(directory: string, content: Omit<RewardContent, 'reward'>): Promise<readonly number[]> {
  await writeReward(directory, { ...content, reward: { objective: 'x', max_tokens: 16 } });
  const session = await Session.open(join(directory, 'model.onnx'), { threads: 1 });
  const length = 9;
  const rows = (of: (ids: readonly number[], t: number) => number): BigInt64Array =>
    int64(sequences.flatMap((ids) => Array.from({ length }, (_, t) => of(ids, t))));
  const dims = [sequences.length, length];
  const { logits } = await session.run({
    input_ids: { data: rows((ids, t) => ids[t] ?? 4), dims },
    attention_mask: { data: rows((ids, t) => (t < ids.length ? 1 : 0)), dims },
  });
  await session.close();
  assert.deepEqual(logits!.dims, [sequences.length, 1]);
  return [...(logits!.data as Float32Array)];
}

function assertClose(found: ArrayLike<number>, expected: ArrayLike<number>): void {
  assert.equal(found.length, expected.length);
  for (let i = 0; i < found.length; i++) {
    assert.ok(Math.abs(found[i]! - expected[i]!) < 1e-4, `sequence ${i}: ${found[i]}, fitted ${expected[i]}`);
  }
}

for (const [what, model] of Object.entries(models)) {
  test(`${what} learns to order pairs, and what is written scores as it does`, async (t) => {
    const engine = await PairEngine.open(model, { threads: 1 });
    const tensors = noise(model, 0.02);
    const parameters = tensors.map(({ data }) => data);
    const state = createAdamWState(parameters);
    const pairs = Array.from({ length: 16 }, (_, i) => ({
      chosen: [1, 3 + (i % 4), 7, 2],
      rejected: [1, 3 + (i % 4), 8, 9, 2],
    }));
    const first = await engine.compute(tensors, pairs);
    assert.ok(Math.abs(first.loss - Math.LN2) < 0.02, 'nothing is known at first');
    assert.equal(first.weight, 16);
    for (let step = 0; step < 60; step++) {
      const { gradients } = await engine.compute(tensors, pairs);
      adamWStep(parameters, gradients, state, { learningRate: 1e-2, direction: 'descend' });
    }
    assert.ok((await engine.compute(tensors, pairs)).loss < 0.05);
    assert.ok((await engine.margins(tensors, pairs)).every((margin) => margin > 0));
    const config = { architectures: ['XForSequenceClassification'] };
    assertClose(
      await writtenScores(await folder(t), { model, tensors, config }),
      await engine.score(tensors, sequences),
    );
    await engine.close();
  });

  test(`${what}: the gradient of the loss is its slope`, async () => {
    const engine = await PairEngine.open(model, { threads: 1 });
    const tensors = noise(model, 0.3);
    const pairs = [
      { chosen: sequences[0]!, rejected: sequences[1]! },
      { chosen: sequences[3]!, rejected: sequences[4]! },
    ];
    const { gradients } = await engine.compute(tensors, pairs);
    const step = 1e-2;
    for (const [k, { name, data }] of tensors.entries()) {
      // The entry with the largest gradient of each tensor: central differences of float32 losses see it best.
      const gradient = gradients[k]!;
      const i = gradient.reduce((best, x, at) => (Math.abs(x) > Math.abs(gradient[best]!) ? at : best), 0);
      const kept = data[i]!;
      const losses: number[] = [];
      for (const side of [1, -1]) {
        data[i] = kept + side * step;
        losses.push((await engine.compute(tensors, pairs)).loss);
      }
      data[i] = kept;
      const slope = (losses[0]! - losses[1]!) / (2 * step);
      assert.ok(Math.abs(slope - gradient[i]!) < 0.02 * Math.abs(slope) + 1e-4, `${name}: ${slope}, ${gradient[i]}`);
    }
    await engine.close();
  });
}

test('a bag sees tokens and their neighbours, and nothing of the padding', async () => {
  const model = bagScores(shape);
  const engine = await PairEngine.open(model, { threads: 1 });
  const tensors = noise(model, 1);
  const [ab, ba, alone] = await engine.score(tensors, [
    [3, 4, 5],
    [5, 4, 3],
    [3, 4, 5],
  ]);
  assert.notEqual(ab, ba, 'the order counts');
  assert.equal(ab, alone);
  const beside = await engine.score(tensors, [
    [3, 4, 5],
    [7, 7, 7, 7, 7, 7, 7, 7],
  ]);
  assert.ok(Math.abs(beside[0]! - ab!) < 1e-6);

  // By hand: the mean over tokens of their vector and of that of the bucket of (token before, token).
  const [tokens, buckets, head] = tensors.map(({ data }) => data) as [Float32Array, Float32Array, Float32Array];
  let expected = 0;
  [3, 4, 5].forEach((id, t, ids) => {
    const bucket = ((ids[t - 1] ?? 0) * 1_000_003 + id) % shape.buckets;
    for (let c = 0; c < shape.width; c++) {
      expected += (head[c]! * (tokens[id * shape.width + c]! + buckets[bucket * shape.width + c]!)) / 3;
    }
  });
  assert.ok(Math.abs(ab! - expected) < 1e-5, `${ab}, by hand ${expected}`);
  await engine.close();
});

/** A tokenizer of 19 tokens, as the tiny architectures have. */
async function writeLetters(directory: string): Promise<void> {
  const tokens = ['<unk>', '<s>', '</s>', ...'abcdefghijklmnop'];
  const json = {
    version: '1.0',
    added_tokens: ['<unk>', '<s>', '</s>'].map((content, id) => ({ id, content, special: true })),
    normalizer: null,
    pre_tokenizer: null,
    post_processor: null,
    decoder: null,
    model: {
      type: 'BPE',
      unk_token: '<unk>',
      vocab: Object.fromEntries(tokens.map((token, id) => [token, id])),
      merges: [],
    },
  };
  await writeFile(join(directory, 'tokenizer.json'), JSON.stringify(json));
  await writeFile(join(directory, 'tokenizer_config.json'), JSON.stringify({ bos_token: '<s>', eos_token: '</s>' }));
}

for (const architecture of Object.keys(exampleConfigs)) {
  for (const lora of [undefined, { rank: 2, alpha: 4 }]) {
    test(`${architecture}, ${lora ? 'adapters merged' : 'every weight'}: what is written scores as what was fitted`, async (t) => {
      const [base, directory] = [await folder(t), await folder(t)];
      await writeArchitecture(base, architecture);
      await writeLetters(base);
      const cache = join(directory, 'cache');
      const start = await startFromDecoder(directory, { model: base, lora, seed: 1, maxTokens: 999, cache });
      for (const [index, { data }] of start.tensors.entries()) {
        philoxNormal(data.length, 9, index, 0.1).forEach((x, i) => (data[i]! += x)); // as if it had been fitted
      }
      const engine = await PairEngine.open(start.model, { threads: 1 });
      const fitted = await engine.score(start.tensors, sequences);
      assert.ok(new Set(fitted).size === sequences.length);
      const content = await start.content();
      assertClose(await writtenScores(directory, content), fitted);
      const { architectures: names, max_position_embeddings: context } = content.config as {
        architectures: string[];
        max_position_embeddings: number;
      };
      assert.match(names[0]!, /^[A-Z]\w+ForSequenceClassification$/);
      assert.equal(context, start.maxTokens);
      await engine.close();
    });
  }
}
