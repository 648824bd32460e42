/** Score models of every kind: they learn from pairs, and the written model scores as the trained one. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { Session, int64 } from '@gapo/graph';
import { type NamedTensor, llamaConfig, philoxNormal, sizeOf } from '@gapo/model';
import { exampleConfigs, specialToken, tinyShape, writeArchitecture } from '@gapo/model/testing';
import { adamWStep, at, createAdamWState, f32, required } from '@gapo/numeric';
import { temporaryDirectory } from '@gapo/service/testing';
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

function noise(model: ScoreModel, deviation: number): readonly NamedTensor[] {
  return model.trained.map(({ name, shape }, index) => ({
    name,
    shape,
    data: philoxNormal(sizeOf(shape), 3, index, deviation),
  }));
}

/** Returns the logits of the written model, on sequences padded on the right. */
async function writtenScores(directory: string, content: Omit<RewardContent, 'reward'>): Promise<readonly number[]> {
  await writeReward(directory, { ...content, reward: { objective: 'x', max_tokens: 16 } });
  const session = await Session.open(join(directory, 'model.onnx'), { threads: 1 });
  const length = 9;
  const rows = (of: (ids: readonly number[], t: number) => number): BigInt64Array =>
    int64(sequences.flatMap((ids) => Array.from({ length }, (_, t) => of(ids, t))));
  const dims = [sequences.length, length];
  const outputs = await session.run({
    input_ids: { data: rows((ids, t) => ids[t] ?? 4), dims },
    attention_mask: { data: rows((ids, t) => (t < ids.length ? 1 : 0)), dims },
  });
  await session.close();
  const { dims: found, data } = required(outputs['logits'], 'logits');
  assert.deepEqual(found, [sequences.length, 1]);
  return [...(data as Float32Array)];
}

function assertClose(found: ArrayLike<number>, expected: ArrayLike<number>): void {
  assert.equal(found.length, expected.length);
  for (let i = 0; i < found.length; i++) {
    assert.ok(Math.abs(at(found, i) - at(expected, i)) < 1e-4, `sequence ${i}: ${found[i]}, trained ${expected[i]}`);
  }
}

for (const [what, model] of Object.entries(models)) {
  test(`${what} learns to order pairs, and the written model scores as it does`, async (t) => {
    const engine = await PairEngine.open(model, { threads: 1 });
    const tensors = noise(model, 0.02);
    const parameters = tensors.map(({ data }) => data);
    const state = createAdamWState(parameters);
    const pairs = Array.from({ length: 16 }, (_, i) => ({
      chosen: [1, 3 + (i % 4), 7, 2],
      rejected: [1, 3 + (i % 4), 8, 9, 2],
    }));
    const first = await engine.compute(tensors, pairs);
    assert.ok(Math.abs(first.loss - Math.LN2) < 0.02, 'the initial model has no information');
    assert.equal(first.weight, 16);
    for (let step = 0; step < 60; step++) {
      const { gradients } = await engine.compute(tensors, pairs);
      adamWStep(parameters, gradients, state, { learningRate: 1e-2, direction: 'descend' });
    }
    assert.ok((await engine.compute(tensors, pairs)).loss < 0.05);
    assert.ok((await engine.margins(tensors, pairs)).every((margin) => margin > 0));
    const config = { architectures: ['XForSequenceClassification'] };
    assertClose(
      await writtenScores(await temporaryDirectory(t), { model, tensors, config }),
      await engine.score(tensors, sequences),
    );
    await engine.close();
  });

  test(`${what}: the gradient of the loss agrees with finite differences`, async () => {
    const engine = await PairEngine.open(model, { threads: 1 });
    const tensors = noise(model, 0.3);
    const pairs = [
      { chosen: at(sequences, 0), rejected: at(sequences, 1) },
      { chosen: at(sequences, 3), rejected: at(sequences, 4) },
    ];
    const { gradients } = await engine.compute(tensors, pairs);
    const step = 1e-2;
    for (const [k, { name, data }] of tensors.entries()) {
      // The largest gradient of each tensor: central differences of float32 losses resolve it best.
      const gradient = at(gradients, k);
      const i = gradient.reduce((best, x, index) => (Math.abs(x) > Math.abs(f32(gradient, best)) ? index : best), 0);
      const kept = f32(data, i);
      const lossAt = async (value: number): Promise<number> => {
        data[i] = value;
        return (await engine.compute(tensors, pairs)).loss;
      };
      const slope = ((await lossAt(kept + step)) - (await lossAt(kept - step))) / (2 * step);
      data[i] = kept;
      const found = f32(gradient, i);
      assert.ok(Math.abs(slope - found) < 0.02 * Math.abs(slope) + 1e-4, `${name}: ${slope}, ${found}`);
    }
    await engine.close();
  });
}

test('a bag sees tokens and bigrams, and no padding', async () => {
  const model = bagScores(shape);
  const engine = await PairEngine.open(model, { threads: 1 });
  const tensors = noise(model, 1);
  const scores = await engine.score(tensors, [
    [3, 4, 5],
    [5, 4, 3],
    [3, 4, 5],
  ]);
  const ab = f32(scores, 0);
  assert.notEqual(ab, scores[1], 'the order counts');
  assert.equal(ab, scores[2]);
  const beside = await engine.score(tensors, [
    [3, 4, 5],
    [7, 7, 7, 7, 7, 7, 7, 7],
  ]);
  assert.ok(Math.abs(f32(beside, 0) - ab) < 1e-6);

  // By hand: the mean over tokens of their embedding plus that of the bucket of (previous token, token).
  const [tokens, buckets, head] = tensors.map(({ data }) => data) as [Float32Array, Float32Array, Float32Array];
  let expected = 0;
  [3, 4, 5].forEach((id, t, ids) => {
    const bucket = ((ids[t - 1] ?? 0) * 1_000_003 + id) % shape.buckets;
    for (let c = 0; c < shape.width; c++) {
      expected += (f32(head, c) * (f32(tokens, id * shape.width + c) + f32(buckets, bucket * shape.width + c))) / 3;
    }
  });
  assert.ok(Math.abs(ab - expected) < 1e-5, `${ab}, by hand ${expected}`);
  await engine.close();
});

/** Writes a tokenizer of 19 tokens, as many as the tiny architectures have. */
async function writeLetters(directory: string): Promise<void> {
  const tokens = ['<unk>', '<s>', '</s>', ...'abcdefghijklmnop'];
  const json = {
    version: '1.0',
    added_tokens: ['<unk>', '<s>', '</s>'].map(specialToken),
    normalizer: null,
    pre_tokenizer: null,
    post_processor: null,
    decoder: { type: 'Fuse' },
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

const loadable = Object.entries(exampleConfigs).filter(([, json]) => json['model_type'] !== 'granite');

test('a decoder that nothing loads as a classifier is refused before it is trained', async (t) => {
  const [base, directory] = [await temporaryDirectory(t), await temporaryDirectory(t)];
  await writeArchitecture(base, 'Granite');
  await writeLetters(base);
  const options = { model: base, lora: undefined, seed: 1, maxTokens: 999, cache: join(directory, 'cache') };
  await assert.rejects(
    startFromDecoder(directory, options),
    /config\.json: transformers has no classifiers of model_type "granite"; start from another architecture/,
  );
});

for (const [architecture, json] of loadable) {
  for (const lora of [undefined, { rank: 2, alpha: 4 }]) {
    test(`${architecture}, ${lora ? 'adapters merged' : 'every weight'}: the written model scores as the trained one`, async (t) => {
      const [base, directory] = [await temporaryDirectory(t), await temporaryDirectory(t)];
      await writeArchitecture(base, architecture);
      await writeLetters(base);
      const cache = join(directory, 'cache');
      const start = await startFromDecoder(directory, { model: base, lora, seed: 1, maxTokens: 999, cache });
      for (const [index, { data }] of start.tensors.entries()) {
        data.set(philoxNormal(data.length, 9, index, 0.1).map((x, i) => f32(data, i) + x)); // in place of training
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
      assert.match(at(names, 0), /^[A-Z]\w+ForSequenceClassification$/);
      assert.equal(context, json['max_position_embeddings'] ?? start.maxTokens);
      await engine.close();
    });
  }
}
