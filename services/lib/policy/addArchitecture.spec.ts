/**
 * Adding an architecture takes one description: with a toy one in the list, everything else can read, run, sample and adapt
 * it.
 */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import {
  type DecoderModel,
  type NamedTensor,
  architectures,
  initialTensors,
  linearTargets,
  readDecoderModel,
  sequenceClassifierConfig,
} from '@gapo/model';
import { toy, toyConfig, writeRandomCheckpoint } from '@gapo/model/testing';
import { Evaluator } from './evaluator.js';
import { GradientEngine } from './gradients/gradientEngine.js';
import { type Weights, llamaLogits, logitsOf } from './referenceDecoder.fixture.js';
import { Sampler } from './sampling/sampler.js';

const known = [...architectures, toy];
const options = { threads: 1 };
const temperature = 1.3;

/** The toy's names on disk, and Llama's names for the same tensors, by which the reference pass looks them up. */
const llamaNames: readonly (readonly [toy: RegExp, llama: string])[] = [
  [/^backbone\.tokens\.table$/, 'model.embed_tokens.weight'],
  [/^backbone\.norm_out\./, 'model.norm.'],
  [/^output\./, 'lm_head.'],
  [/^backbone\.blocks\.(\d)\.norm1\./, 'model.layers.$1.input_layernorm.'],
  [/^backbone\.blocks\.(\d)\.norm2\./, 'model.layers.$1.post_attention_layernorm.'],
  [/^backbone\.blocks\.(\d)\.mixer\.w([qkvo])\./, 'model.layers.$1.self_attn.$2_proj.'],
  [/^backbone\.blocks\.(\d)\.mixer\.norm_([qk])\./, 'model.layers.$1.self_attn.$2_norm.'],
  [/^backbone\.blocks\.(\d)\.ffn\.w1\./, 'model.layers.$1.mlp.gate_proj.'],
  [/^backbone\.blocks\.(\d)\.ffn\.w3\./, 'model.layers.$1.mlp.up_proj.'],
  [/^backbone\.blocks\.(\d)\.ffn\.w2\./, 'model.layers.$1.mlp.down_proj.'],
];

/** The toy's configuration in terms of the architecture with the same arithmetic. */
const sameArithmetic = {
  model_type: 'qwen3',
  num_hidden_layers: toyConfig.n_layers,
  num_attention_heads: toyConfig.n_heads,
  hidden_size: toyConfig.dim,
  head_dim: toyConfig.head_dim,
  rms_norm_eps: toyConfig.norm_eps,
  rope_theta: toyConfig.rope_base,
};

const renamed = (name: string): string =>
  llamaNames.reduce((found, [pattern, llama]) => found.replace(pattern, llama), name);

/** ln softmax(logits / temperature) of a token. */
function logprobOf(logits: readonly number[], token: number): number {
  const cooled = logits.map((x) => x / temperature);
  const largest = Math.max(...cooled);
  const total = cooled.reduce((sum, x) => sum + Math.exp(x - largest), 0);
  return (cooled[token] ?? NaN) - largest - Math.log(total);
}

const close = (mine: number, expected: number, what: string): void =>
  assert.ok(Math.abs(mine - expected) < 1e-4, `${what}: ${mine}, expected ${expected}`);

describe('an architecture from one description', () => {
  let directory = '';
  let model: DecoderModel;
  let reference: Weights;
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'gapo-toy-'));
    const tensors = await writeRandomCheckpoint(directory, toyConfig, { known });
    reference = new Map(tensors.map((tensor): [string, NamedTensor] => [renamed(tensor.name), tensor]));
    model = await readDecoderModel(directory, { known });
  });
  after(() => rm(directory, { recursive: true }));

  test('is refused until it is in the list, with the architectures that are', async () => {
    await assert.rejects(
      readDecoderModel(directory),
      /model_type must be 'llama', .*: other architectures are not supported/,
    );
  });

  test('has the logits of a float64 forward pass', async () => {
    const ids = [1, 5, 17, 3, 3, 8, 11, 4, 9, 16, 6, 7];
    const found = await logitsOf(model, ids, ids.length);
    const expected = llamaLogits(sameArithmetic, reference, ids).flat();
    assert.equal(found.length, expected.length);
    expected.forEach((x, i) => close(found[i] ?? NaN, x, `logit ${i}`));
    assert.ok(Math.max(...expected) > 1, 'the logits are not noise around 0');
  });

  test('is sampled with the log-probabilities of that pass, which the evaluator has too', async () => {
    const spec = { lora: { rank: 2, alpha: 3, targets: linearTargets(model.config) }, valueHeads: 0 };
    const version = initialTensors(model.config, spec, 5, model.weights);
    const sampler = new Sampler(model, spec, options);
    const evaluator = await Evaluator.open(model, spec, options);
    const promptIds = [1, 5, 6, 9];
    const settings = { temperature, maxNewTokens: 40, samplesPerPrompt: 4, seed: 3, step: 1 };
    let longest = 0;
    for await (const { ids, logprobs } of sampler.sample(version, [{ index: 0, ids: promptIds }], settings)) {
      longest = Math.max(longest, ids.length);
      const evaluated = await evaluator.evaluate(version, [{ promptIds, completionIds: ids }], temperature);
      const expected = llamaLogits(sameArithmetic, reference, [...promptIds, ...ids]).slice(promptIds.length - 1);
      ids.forEach((token, n) => {
        const exact = logprobOf(expected[n] ?? [], token);
        close(logprobs[n] ?? NaN, exact, `the sampler, token ${n}`);
        close(evaluated.logprobs[n] ?? NaN, exact, `the evaluator, token ${n}`);
      });
    }
    assert.ok(longest > 20, `the longest completion has ${longest} tokens: more than one stretch`);
    await Promise.all([sampler.close(), evaluator.close()]);
  });

  test('names its LoRA targets and classes, and has gradients, of the last layer alone too', async () => {
    const targets = ['wq', 'wk', 'wv', 'wo', 'w1', 'w3', 'w2'];
    assert.deepEqual(linearTargets(model.config), targets);
    assert.deepEqual((await sequenceClassifierConfig(model))['architectures'], ['ToyForSequenceClassification']);
    const spec = { lora: { rank: 2, alpha: 3, targets }, valueHeads: 0 };
    const version = initialTensors(model.config, spec, 5, model.weights);
    const engine = new GradientEngine(model, spec, options);
    const shard = {
      sequences: [{ promptIds: [1, 5, 6], completionIds: [7, 3, 12, 2] }],
      advantages: Float32Array.of(1),
      advantagesPer: 'sequence',
      objectives: 1,
      oldLogprobs: new Float32Array(4).fill(-3),
      denominator: 4,
      temperature,
      clipRange: 1e9,
      klCoefficient: 0,
      entropyCoefficient: 0,
    } as const;
    const all = await engine.compute(version, shard);
    const last = await engine.compute(version, { ...shard, scope: 'lastLayer' });
    assert.equal(all.parameters.length, 2 * 2 * targets.length);
    assert.deepEqual(
      last.parameters,
      all.parameters.filter(({ name }) => name.includes('blocks.1.')),
    );
    const [whole, part] = [all.objectives[0] ?? [], last.objectives[0] ?? []];
    assert.ok(part.length > 0 && part.some((x) => x !== 0));
    part.forEach((x, i) => close(x, whole[whole.length - part.length + i] ?? NaN, `element ${i}`));
    await engine.close();
  });
});
