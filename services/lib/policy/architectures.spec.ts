/**
 * Every architecture as a policy: padding, sampling, adapters, gradients. Llama's family and GPT-2 are also compared with the
 * forward passes that referenceDecoder.fixture.ts writes out in float64; transformers.spec.ts compares all architectures with
 * transformers.
 */
import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { linear, reshape } from '@gapo/graph';
import { gradcheck } from '@gapo/graph/testing';
import {
  type DecoderModel,
  type LoraSpec,
  type NamedTensor,
  type TrainableSpec,
  adapterFiles,
  adapterMetadata,
  initialTensors,
  linearTargets,
  peftConfig,
  readAdapter,
  readDecoderModel,
  trainableTensors,
  writeMergedModel,
  writeSafetensors,
} from '@gapo/model';
import { exampleConfigs, writeArchitecture } from '@gapo/model/testing';
import { toBatch } from './batches/batch.js';
import { completionFeeds, completionValues } from './decoder/completions.js';
import { tensorSource } from './decoder/tensorSource.js';
import { Evaluator } from './evaluator.js';
import { GradientEngine } from './gradients/gradientEngine.js';
import { type Weights, gpt2Logits, llamaLogits, logitsOf } from './referenceDecoder.fixture.js';
import { Sampler } from './sampling/sampler.js';

const ids = [1, 5, 17, 3, 3, 8, 11, 4, 9, 16, 6, 7];

const options = { threads: 1 };

const sequences = [
  { promptIds: [1, 5, 6], completionIds: [7, 3, 12, 2] },
  { promptIds: [1, 4], completionIds: [9, 10, 8, 16, 5, 2] },
];

const references: Readonly<Record<string, typeof llamaLogits>> = {
  llama: llamaLogits,
  mistral: llamaLogits,
  qwen2: llamaLogits,
  qwen3: llamaLogits,
  gpt2: gpt2Logits,
};

let root = '';
before(async () => void (root = await mkdtemp(join(tmpdir(), 'gapo-architectures-'))));
after(() => rm(root, { recursive: true }));

for (const [name, json] of Object.entries(exampleConfigs)) {
  describe(name, () => {
    let model: DecoderModel;
    let weights: Weights;
    let spec: TrainableSpec;
    let version: readonly NamedTensor[];

    before(async () => {
      const directory = join(root, name);
      const tensors = await writeArchitecture(directory, name);
      weights = new Map(tensors.map((tensor) => [tensor.name, tensor]));
      model = await readDecoderModel(directory);
      spec = { lora: { rank: 2, alpha: 3, targets: linearTargets(model.config) }, valueHeads: 0 };
      version = initialTensors(model.config, spec, 5, model.weights).map(({ name, shape, data }, index) => ({
        name,
        shape,
        data: data.map((x, i) => (x === 0 ? 0.2 * Math.sin(1 + i + index) : x)),
      }));
    });

    test('padding affects nothing before it', async () => {
      const { vocabulary } = model.config;
      const padded = [...ids.slice(0, 7), 0, 0, 0, 0, 0];
      const data = await logitsOf(model, [...ids, ...padded], ids.length);
      data.subarray(0, 7 * vocabulary).forEach((whole, i) => {
        const mine = data[ids.length * vocabulary + i] as number;
        assert.ok(Math.abs(mine - whole) < 1e-4, `logit ${i}: ${mine}, not ${whole}`);
      });
    });

    const reference = references[json['model_type'] as string];
    if (reference !== undefined) {
      test('logits agree with the float64 forward pass to 1e-4', async () => {
        const data = await logitsOf(model, ids, ids.length);
        const expected = reference(json, weights, ids).flat();
        assert.equal(data.length, expected.length);
        expected.forEach((value, i) => {
          const mine = data[i] as number;
          assert.ok(Math.abs(mine - value) < 1e-4, `logit ${i}: ${mine}, not ${value}`);
        });
        assert.ok(Math.max(...expected.map(Math.abs)) > 1, 'the logits are no noise around 0');
      });
    }

    test('the sampler’s log-probabilities are the evaluator’s', async () => {
      const sampler = new Sampler(model, spec, options);
      const evaluator = await Evaluator.open(model, spec, options);
      const prompts = [
        { index: 0, ids: [1, 5, 6, 9, 10, 3, 3] },
        { index: 1, ids: [1, 4] },
      ];
      const settings = { temperature: 1.3, maxNewTokens: 40, samplesPerPrompt: 4, seed: 3, step: 1 };
      let longest = 0;
      for await (const { prompt, ids: drawn, logprobs } of sampler.sample(version, prompts, settings)) {
        longest = Math.max(longest, drawn.length);
        const sequence = { promptIds: prompts[prompt]?.ids as number[], completionIds: drawn };
        const { logprobs: expected } = await evaluator.evaluate(version, [sequence], settings.temperature);
        expected.forEach((value, n) => {
          const mine = logprobs[n] as number;
          assert.ok(Math.abs(mine - value) < 1e-4, `token ${n}: ${mine}, not ${value}`);
        });
      }
      assert.ok(longest > 20, `the longest completion has ${longest} tokens: more than one stretch`);
      await sampler.close();
      await evaluator.close();
    });

    test('an adapter’s files are read back exactly, and merging it into the weights gives the same logits', async () => {
      const lora = spec.lora as LoraSpec;
      const directory = join(root, `${name} adapter`);
      await mkdir(directory);
      const { config, sha256 } = model;
      await writeFile(join(directory, adapterFiles.config), JSON.stringify(peftConfig(config, lora, model.directory)));
      await writeSafetensors(join(directory, adapterFiles.weights), version, adapterMetadata(sha256));
      const adapter = await readAdapter(directory, model);
      assert.deepEqual(adapter, { lora, tensors: version });

      const merged = join(root, `${name} merged`);
      await writeMergedModel(model, adapter, merged);
      const [beside, inside, base] = [
        await logitsOf(model, ids, ids.length, adapter),
        await logitsOf(await readDecoderModel(merged), ids, ids.length),
        await logitsOf(model, ids, ids.length),
      ];
      beside.forEach((x, i) => assert.ok(Math.abs(x - (inside[i] as number)) < 1e-4, `${x} and ${inside[i]}`));
      assert.ok(
        beside.some((x, i) => Math.abs(x - (base[i] as number)) > 0.1),
        'the adapter does something',
      );
    });

    for (const mode of ['adapters', 'all weights']) {
      test(`gradients of ${mode} agree with central differences in float64`, async () => {
        const trainable: TrainableSpec = mode === 'adapters' ? spec : { valueHeads: 0 };
        const values = mode === 'adapters' ? version : [...weights.values()];
        const batch = toBatch(sequences, model.config.context, true);
        const feeds = completionFeeds(batch, 0.9);
        const parameters = Object.fromEntries(
          values.map(({ name, shape, data }) => [name, { data: Float64Array.from(data), dims: shape }]),
        );
        const results = await gradcheck({
          parameters,
          feeds: {
            ...feeds,
            inverseTemperature: { data: Float64Array.of(1 / 0.9), dims: [] },
            factors: {
              data: Float64Array.from({ length: batch.tokens }, (_, n) => Math.cos(n)),
              dims: [1, batch.tokens],
            },
          },
          elements: 4,
          build: (graph, given) => {
            const { tensors: frozen } = tensorSource(graph, [], mode === 'adapters' ? weights : new Map());
            const tensors = (name: string) => given[name] ?? frozen(name);
            const { logprobs } = completionValues(graph, model.config, trainable, tensors, { shared: true });
            return linear(reshape(logprobs, [1, -1], [1, 'N']), graph.floatInput('factors', [1, 'N']));
          },
        });
        assert.deepEqual(
          results.map(({ name }) => name),
          trainableTensors(model.config, trainable).map(({ name }) => name),
        );
        for (const { name, relativeError } of results) {
          assert.ok(relativeError < 1e-6, `${name}: relative error ${relativeError}`);
        }
      });
    }

    test('one pass for all objectives and one pass for each agree, with all weights trained', async () => {
      const engine = new GradientEngine(model, { valueHeads: 0 }, options);
      const evaluator = await Evaluator.open(model, { valueHeads: 0 }, options);
      const all = trainableTensors(model.config, { valueHeads: 0 }).map(({ name }) => weights.get(name) as NamedTensor);
      const { logprobs: oldLogprobs } = await evaluator.evaluate(all, sequences, 1);
      const perSequence = Float32Array.of(1.2, 0.4, -0.7, 0.9); // [sequences, K]
      const lengths = sequences.map(({ completionIds }) => completionIds.length);
      const perToken = lengths.flatMap((length, s) =>
        Array.from({ length }, () => [...perSequence.subarray(2 * s, 2 * s + 2)]).flat(),
      ); // [tokens, K]
      const shard = {
        sequences,
        objectives: 2,
        oldLogprobs,
        denominator: 10,
        temperature: 1,
        clipRange: 0.2,
        klCoefficient: 0,
        entropyCoefficient: 0,
      };
      const shared = await engine.compute(all, { ...shard, advantages: perSequence, advantagesPer: 'sequence' });
      const separate = await engine.compute(all, {
        ...shard,
        advantages: Float32Array.from(perToken),
        advantagesPer: 'token',
      });
      shared.objectives.forEach((gradient, k) => {
        const expected = separate.objectives[k] as Float32Array;
        const largest = expected.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
        gradient.forEach((x, i) => assert.ok(Math.abs(x - (expected[i] as number)) < 1e-5 * largest, `objective ${k}`));
      });
      await engine.close();
      await evaluator.close();
    });
  });
}

describe('adapters have PEFT’s names and shapes', () => {
  const shapesOf = async (name: string, targets: readonly string[]) => {
    const directory = join(root, `${name} names`);
    await writeArchitecture(directory, name);
    const { config } = await readDecoderModel(directory);
    const lora = { rank: 2, alpha: 4, targets };
    const tensors = trainableTensors(config, { lora, valueHeads: 0 }).map(({ name, shape }) => [name, ...shape]);
    return { tensors: tensors.slice(0, tensors.length / 2), peft: peftConfig(config, lora, 'base') }; // the first of two layers
  };

  test('on Qwen3', async () => {
    const { tensors, peft } = await shapesOf('Qwen3', ['k_proj', 'o_proj', 'gate_proj']);
    const layer = 'base_model.model.model.layers.0';
    assert.deepEqual(tensors, [
      [`${layer}.self_attn.k_proj.lora_A.weight`, 2, 16],
      [`${layer}.self_attn.k_proj.lora_B.weight`, 12, 2],
      [`${layer}.self_attn.o_proj.lora_A.weight`, 2, 24],
      [`${layer}.self_attn.o_proj.lora_B.weight`, 16, 2],
      [`${layer}.mlp.gate_proj.lora_A.weight`, 2, 16],
      [`${layer}.mlp.gate_proj.lora_B.weight`, 24, 2],
    ]);
    assert.equal(peft['fan_in_fan_out'], false);
  });

  test('on GPT-2, whose weights are stored [in, out]', async () => {
    const { tensors, peft } = await shapesOf('GPT-2', ['c_attn', 'c_proj', 'c_fc']);
    const layer = 'base_model.model.transformer.h.0';
    assert.deepEqual(tensors, [
      [`${layer}.attn.c_attn.lora_A.weight`, 2, 16],
      [`${layer}.attn.c_attn.lora_B.weight`, 48, 2],
      [`${layer}.attn.c_proj.lora_A.weight`, 2, 16],
      [`${layer}.attn.c_proj.lora_B.weight`, 16, 2],
      [`${layer}.mlp.c_fc.lora_A.weight`, 2, 16],
      [`${layer}.mlp.c_fc.lora_B.weight`, 64, 2],
      [`${layer}.mlp.c_proj.lora_A.weight`, 2, 64],
      [`${layer}.mlp.c_proj.lora_B.weight`, 16, 2],
    ]);
    assert.equal(peft['fan_in_fan_out'], true);
  });
});
