// Every architecture against a forward pass written out here: loops over float64 arrays, tensors by their names on disk.
import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { Graph, Session, gradcheck, int64, mul, sum } from '@gapo/graph';
import {
  type Adapter,
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
import { architectures, writeArchitecture } from '@gapo/model/testing';
import { toBatch } from './batch.js';
import { decodeSequences, logits } from './decoder.js';
import { Evaluator, completionFeeds, completionValues, parameterFeeds } from './evaluator.js';
import { GradientEngine } from './gradientEngine.js';
import { Sampler } from './sampling/sampler.js';
import { tensorSource } from './tensorSource.js';

type Vector = number[];
type Config = Readonly<Record<string, unknown>>;
type Weights = ReadonlyMap<string, NamedTensor>;

const ids = [1, 5, 17, 3, 3, 8, 11, 4, 9, 16, 6, 7];

/** y = x · wᵀ + b of a weight stored [out, in], or x · w + b of one stored [in, out]. */
function linearMap(weights: Weights, name: string, x: Vector, inOut = false): Vector {
  const { data, shape } = weights.get(`${name}.weight`) as NamedTensor;
  const [rows, columns] = shape as [number, number];
  const out = inOut ? columns : rows;
  const bias = weights.get(`${name}.bias`)?.data;
  return Array.from({ length: out }, (_, o) => {
    let total = bias?.[o] ?? 0;
    x.forEach((value, i) => (total += value * (data[inOut ? i * columns + o : o * columns + i] as number)));
    return total;
  });
}

function row(weights: Weights, name: string, index: number): Vector {
  const { data, shape } = weights.get(name) as NamedTensor;
  const width = shape[1] as number;
  return [...data.subarray(index * width, (index + 1) * width)];
}

function rms(weights: Weights, name: string, x: Vector, epsilon: number): Vector {
  const gain = (weights.get(`${name}.weight`) as NamedTensor).data;
  const mean = x.reduce((total, value) => total + value * value, 0) / x.length;
  return x.map((value, i) => (value / Math.sqrt(mean + epsilon)) * (gain[i] as number));
}

function layerNormed(weights: Weights, name: string, x: Vector, epsilon: number): Vector {
  const gain = (weights.get(`${name}.weight`) as NamedTensor).data;
  const bias = (weights.get(`${name}.bias`) as NamedTensor).data;
  const mean = x.reduce((total, value) => total + value, 0) / x.length;
  const variance = x.reduce((total, value) => total + (value - mean) ** 2, 0) / x.length;
  return x.map(
    (value, i) => ((value - mean) / Math.sqrt(variance + epsilon)) * (gain[i] as number) + (bias[i] as number),
  );
}

const plus = (a: Vector, b: Vector): Vector => a.map((value, i) => value + (b[i] as number));

/** Attention of every position over heads [T][head][channel]: queries share keys in groups, and see `window` positions. */
function attention(q: Vector[][], k: Vector[][], v: Vector[][], window: number): Vector[] {
  return q.map((heads, t) =>
    heads.flatMap((query, head) => {
      const shared = Math.floor((head * (k[0] as Vector[]).length) / heads.length);
      const seen = Array.from({ length: t + 1 }, (_, s) => s).filter((s) => t - s < window);
      const scores = seen.map((s) => {
        const key = k[s]?.[shared] as Vector;
        return query.reduce((total, value, i) => total + value * (key[i] as number), 0) / Math.sqrt(query.length);
      });
      const largest = Math.max(...scores);
      const powers = scores.map((score) => Math.exp(score - largest));
      const total = powers.reduce((a, b) => a + b, 0);
      return query.map((_, i) =>
        seen.reduce((mixed, s, at) => mixed + ((powers[at] as number) / total) * (v[s]?.[shared]?.[i] as number), 0),
      );
    }),
  );
}

const byHead = (x: Vector, width: number): Vector[] =>
  Array.from({ length: x.length / width }, (_, head) => x.slice(head * width, (head + 1) * width));

/** Inverse frequencies as the papers' code has them: Llama 3.1 divides by wavelength, linear scaling by the factor. */
function frequencies(config: Config, width: number): Vector {
  const scaling = config['rope_scaling'] as Record<string, number | string> | undefined;
  return Array.from({ length: width / 2 }, (_, i) => {
    const plain = 1 / (config['rope_theta'] as number) ** ((2 * i) / width);
    if (scaling === undefined) return plain;
    const factor = scaling['factor'] as number;
    if (scaling['type'] === 'linear') return plain / factor;
    const wavelength = (2 * Math.PI) / plain;
    const context = scaling['original_max_position_embeddings'] as number;
    const [low, high] = [scaling['low_freq_factor'] as number, scaling['high_freq_factor'] as number];
    if (wavelength < context / high) return plain;
    if (wavelength > context / low) return plain / factor;
    const smooth = (context / wavelength - low) / (high - low);
    return ((1 - smooth) * plain) / factor + smooth * plain;
  });
}

function rotated(x: Vector, position: number, frequency: Vector): Vector {
  const half = x.length / 2;
  return x.map((value, i) => {
    const angle = position * (frequency[i % half] as number);
    const other = i < half ? -(x[i + half] as number) : (x[i - half] as number);
    return value * Math.cos(angle) + other * Math.sin(angle);
  });
}

/** Logits [T][V] of Llama, Mistral, Qwen2 and Qwen3. */
function llamaLogits(config: Config, weights: Weights): Vector[] {
  const heads = config['num_attention_heads'] as number;
  const width = (config['head_dim'] as number | undefined) ?? (config['hidden_size'] as number) / heads;
  const epsilon = config['rms_norm_eps'] as number;
  const frequency = frequencies(config, width);
  let x = ids.map((id) => row(weights, 'model.embed_tokens.weight', id));
  for (let layer = 0; layer < (config['num_hidden_layers'] as number); layer++) {
    const name = (part: string): string => `model.layers.${layer}.${part}`;
    const normed = x.map((value) => rms(weights, name('input_layernorm'), value, epsilon));
    const turned = (part: 'q' | 'k'): Vector[][] =>
      normed.map((value, position) =>
        byHead(linearMap(weights, name(`self_attn.${part}_proj`), value), width).map((head) => {
          const ready =
            config['model_type'] === 'qwen3' ? rms(weights, name(`self_attn.${part}_norm`), head, epsilon) : head;
          return rotated(ready, position, frequency);
        }),
      );
    const values = normed.map((value) => byHead(linearMap(weights, name('self_attn.v_proj'), value), width));
    const slides = layer >= ((config['max_window_layers'] as number | undefined) ?? 0);
    const window = slides ? ((config['sliding_window'] as number | undefined) ?? Infinity) : Infinity;
    const mixed = attention(turned('q'), turned('k'), values, window);
    x = x.map((value, t) => {
      const attended = plus(value, linearMap(weights, name('self_attn.o_proj'), mixed[t] as Vector));
      const inner = rms(weights, name('post_attention_layernorm'), attended, epsilon);
      const gate = linearMap(weights, name('mlp.gate_proj'), inner).map((u) => u / (1 + Math.exp(-u)));
      const up = linearMap(weights, name('mlp.up_proj'), inner);
      const product = gate.map((u, i) => u * (up[i] as number));
      return plus(attended, linearMap(weights, name('mlp.down_proj'), product));
    });
  }
  const head = config['tie_word_embeddings'] === true ? 'model.embed_tokens' : 'lm_head';
  return x.map((value) => linearMap(weights, head, rms(weights, 'model.norm', value, epsilon)));
}

/** Logits [T][V] of GPT-2. */
function gpt2Logits(config: Config, weights: Weights): Vector[] {
  const width = (config['n_embd'] as number) / (config['n_head'] as number);
  const epsilon = config['layer_norm_epsilon'] as number;
  let x = ids.map((id, position) =>
    plus(row(weights, 'transformer.wte.weight', id), row(weights, 'transformer.wpe.weight', position)),
  );
  for (let layer = 0; layer < (config['n_layer'] as number); layer++) {
    const name = (part: string): string => `transformer.h.${layer}.${part}`;
    const parts = x.map((value) => {
      const normed = layerNormed(weights, name('ln_1'), value, epsilon);
      return byHead(linearMap(weights, name('attn.c_attn'), normed, true), value.length);
    });
    const heads = (part: number): Vector[][] => parts.map((value) => byHead(value[part] as Vector, width));
    const mixed = attention(heads(0), heads(1), heads(2), Infinity);
    x = x.map((value, t) => {
      const attended = plus(value, linearMap(weights, name('attn.c_proj'), mixed[t] as Vector, true));
      const inner = linearMap(weights, name('mlp.c_fc'), layerNormed(weights, name('ln_2'), attended, epsilon), true);
      const active = inner.map((u) => 0.5 * u * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (u + 0.044715 * u * u * u))));
      return plus(attended, linearMap(weights, name('mlp.c_proj'), active, true));
    });
  }
  return x.map((value) =>
    linearMap(weights, 'transformer.wte', layerNormed(weights, 'transformer.ln_f', value, epsilon)),
  );
}

const options = { threads: 1 };

/** Logits of sequences as long as `ids`, under the model and, where one is given, an adapter. */
async function logitsOf(model: DecoderModel, sequences: readonly number[], adapter?: Adapter): Promise<Float32Array> {
  const graph = new Graph('logits');
  const { tensors } = tensorSource(graph, adapter?.tensors ?? [], model.weights);
  const input = graph.input('ids', 'int64', ['B', 'T']);
  const { hidden } = decodeSequences(model.config, input, tensors, adapter?.lora);
  graph.output('logits', logits(model.config, hidden, tensors));
  const session = await Session.open(graph.toModel(), options);
  const feeds = { ids: { data: int64(sequences), dims: [sequences.length / ids.length, ids.length] } };
  const found = await session.run({ ...feeds, ...parameterFeeds(adapter?.tensors ?? []) });
  await session.close();
  return found['logits']?.data as Float32Array;
}

const sequences = [
  { promptIds: [1, 5, 6], completionIds: [7, 3, 12, 2] },
  { promptIds: [1, 4], completionIds: [9, 10, 8, 16, 5, 2] },
];

let root = '';
before(async () => void (root = await mkdtemp(join(tmpdir(), 'gapo-architectures-'))));
after(() => rm(root, { recursive: true }));

for (const [name, json] of Object.entries(architectures)) {
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

    test('logits agree with the forward pass above to 1e-4', async () => {
      // Twice, once with padding: what stands behind a sequence must not reach it.
      const other = [...ids.slice(0, 7), 0, 0, 0, 0, 0];
      const data = await logitsOf(model, [...ids, ...other]);
      const expected = json['model_type'] === 'gpt2' ? gpt2Logits(json, weights) : llamaLogits(json, weights);
      const vocabulary = json['vocab_size'] as number;
      let largest = 0;
      expected.forEach((row, t) =>
        row.forEach((value, v) => {
          largest = Math.max(largest, Math.abs(value));
          const places = t < 7 ? [t, ids.length + t] : [t];
          for (const place of places) {
            const mine = data[place * vocabulary + v] as number;
            assert.ok(Math.abs(mine - value) < 1e-4, `position ${t}, token ${v}: ${mine}, not ${value}`);
          }
        }),
      );
      assert.ok(largest > 1, 'the logits are no noise around 0');
    });

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

    test('an adapter’s files are read back exactly, and merged into the weights it says the same', async () => {
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
        await logitsOf(model, ids, adapter),
        await logitsOf(await readDecoderModel(merged), ids),
        await logitsOf(model, ids),
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
        const batch = toBatch(sequences, model.config.context);
        const feeds = completionFeeds(batch, 0.9);
        const parameters = Object.fromEntries(
          values.map(({ name, shape, data }) => [name, { data: Float64Array.from(data), dims: shape }]),
        );
        const results = await gradcheck({
          parameters,
          feeds: {
            ...feeds,
            inverseTemperature: { data: Float64Array.of(1 / 0.9), dims: [] },
            factors: { data: Float64Array.from({ length: batch.tokens }, (_, n) => Math.cos(n)), dims: [batch.tokens] },
          },
          elements: 4,
          build: (graph, given) => {
            const { tensors: frozen } = tensorSource(graph, [], mode === 'adapters' ? weights : new Map());
            const tensors = (name: string) => given[name] ?? frozen(name);
            const { logprobs } = completionValues(graph, model.config, trainable, tensors);
            return sum(mul(logprobs, graph.floatInput('factors', ['N'])));
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

    test('one pass for all objectives gives what a pass for each gives, all weights trained', async () => {
      const engine = new GradientEngine(model, { valueHeads: 0 }, options);
      const evaluator = await Evaluator.open(model, { valueHeads: 0 }, options);
      const all = trainableTensors(model.config, { valueHeads: 0 }).map(({ name }) => weights.get(name) as NamedTensor);
      const { logprobs: oldLogprobs } = await evaluator.evaluate(all, sequences, 1);
      const perSequence = Float32Array.of(1.2, -0.7, 0.4, 0.9);
      const lengths = sequences.map(({ completionIds }) => completionIds.length);
      const perToken = [0, 1].flatMap((k) =>
        lengths.flatMap((length, s) => new Array<number>(length).fill(perSequence[2 * k + s] as number)),
      );
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
