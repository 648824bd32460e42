/** float16 products change only rounding, in every engine alike, and no gradient vanishes. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Value } from '@gapo/graph';
import { type NamedTensor, type TrainableSpec, initialTensors } from '@gapo/model';
import { gradientGraph } from './gradients/gradientGraph.js';
import { type EnginePrecision, Evaluator, GradientEngine, LogitGramEngine, Sampler, type ShardInput } from './mod.js';
import { tinyConfig, tinyModel } from './tinyModel.fixture.js';

type Node = ReturnType<ReturnType<typeof gradientGraph>['content']>['nodes'][number];

const model = tinyModel();
const lora = { rank: 2, alpha: 4, targets: ['q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'down_proj'] };
const specs: readonly (readonly [string, TrainableSpec])[] = [
  ['adapters', { lora, valueHeads: 0 }],
  ['every weight', { valueHeads: 0 }],
];
const sequences = [
  { promptIds: [1, 5, 6], completionIds: [7, 3, 2] },
  { promptIds: [1, 4], completionIds: [9, 10, 8, 2] },
  { promptIds: [1, 4, 4, 3], completionIds: [6] },
];
const tokens = 8;
const wave = (size: number, seed: number): Float32Array =>
  Float32Array.from({ length: size }, (_, i) => Math.sin(1.7 * i + seed));

/** A version whose adapters are not zero. */
const versionOf = (spec: TrainableSpec): readonly NamedTensor[] =>
  initialTensors(tinyConfig, spec, 5, model.weights).map(({ name, shape, data }, index) => ({
    name,
    shape,
    data: data.every((x) => x === 0) ? wave(data.length, index).map((x) => 0.3 * x) : data,
  }));

const norm = (x: ArrayLike<number>): number => Math.hypot(...Array.from(x));
const gapOf = (a: Float32Array, b: Float32Array): number => norm(a.map((x, i) => x - (b[i] as number))) / norm(b);

async function logprobs(spec: TrainableSpec, precision: EnginePrecision): Promise<Float32Array> {
  const evaluator = await Evaluator.open(model, spec, { threads: 1, precision });
  const evaluated = await evaluator.evaluate(versionOf(spec), sequences, 0.8);
  await evaluator.close();
  return evaluated.logprobs;
}

const shard = (oldLogprobs: Float32Array, extra: Partial<ShardInput> = {}): ShardInput => ({
  sequences,
  advantages: wave(2 * sequences.length, 1),
  advantagesPer: 'sequence',
  objectives: 2,
  oldLogprobs,
  referenceLogprobs: oldLogprobs.map((x) => x - 0.2),
  clipRange: 0.2,
  klCoefficient: 0.3,
  entropyCoefficient: 0.1,
  denominator: tokens,
  temperature: 0.8,
  ...extra,
});

async function gradients(spec: TrainableSpec, precision: EnginePrecision, input: ShardInput): Promise<Float32Array[]> {
  const engine = new GradientEngine(model, spec, { threads: 1, precision });
  const { objectives, regularizer } = await engine.compute(versionOf(spec), input);
  await engine.close();
  return [...objectives, regularizer as Float32Array];
}

/** Whether no extent depends on the batch: a parameter's gradient, not an activation's. */
const isSum = ({ dims }: Value): boolean => dims.every((dim) => typeof dim === 'number');

// CPUs have no float16 products: the runtime computes them in float32, from rounded constants.
describe('float16 products', () => {
  for (const [what, spec] of specs) {
    for (const passes of ['unclipped', 'signed', 'token'] as const) {
      test(`${what}, ${passes}: all products but sums over rows are float16, and nothing is divided before such a sum`, () => {
        const options = { config: tinyConfig, spec, objectives: 2, passes, clipRange: 0.2, regularized: true };
        const { nodes } = gradientGraph({ ...options, precision: 'float16' }, model.weights).content();
        const products = nodes.filter(({ operator }) => operator.endsWith('MatMul'));
        const [half, full] = [true, false].map((isHalf) =>
          products.filter(({ inputs }) => inputs.every((value) => (value?.dtype === 'float16') === isHalf)),
        ) as [Node[], Node[]];
        assert.equal(half.length + full.length, products.length);
        assert.ok(half.length > 0 && full.length > 0);
        const normed = ({ inputs }: Node): boolean => inputs[1]?.dims.at(-1) === 1; // Σ of a norm's gain
        assert.ok(full.every((node) => normed(node) || node.outputs.every(isSum)));
        assert.ok(half.every(({ outputs }) => !outputs.some(isSum)));
        const divided = nodes.filter(({ inputs }) => inputs.some((value) => value?.name === 'denominator'));
        assert.ok(divided.length > 0);
        for (const { operator, outputs } of divided) {
          assert.equal(operator, 'Div');
          assert.ok(outputs.every(isSum));
        }
      });
    }

    test(`${what}: gradients equal those of float32 up to rounding, in shared and in separate passes`, async () => {
      const old = await logprobs(spec, 'float32');
      const perToken: Partial<ShardInput> = { advantages: wave(2 * tokens, 2), advantagesPer: 'token' };
      const clipped = old.map((x, i) => x + 0.4 * Math.sin(i));
      for (const input of [shard(old), shard(clipped), shard(old, perToken)]) {
        const exact = await gradients(spec, 'float32', input);
        const rounded = await gradients(spec, 'float16', input);
        exact.forEach((gradient, k) => assert.ok(gapOf(rounded[k] as Float32Array, gradient) < 0.02));
      }
    });

    test(`${what}: the sampler's log-probabilities are the evaluator's`, async () => {
      const sampler = new Sampler(model, spec, { threads: 1, precision: 'float16' });
      const evaluator = await Evaluator.open(model, spec, { threads: 1, precision: 'float16' });
      const promptIds = [1, 5, 6];
      const options = { samplesPerPrompt: 6, maxNewTokens: 12, temperature: 1, seed: 3, step: 1 };
      let drawn = 0;
      for await (const completion of sampler.sample(versionOf(spec), [{ index: 0, ids: promptIds }], options)) {
        const sequence = { promptIds, completionIds: completion.ids };
        const evaluated = await evaluator.evaluate(versionOf(spec), [sequence], 1);
        completion.logprobs.forEach((x, i) => assert.ok(Math.abs(x - (evaluated.logprobs[i] as number)) < 0.03));
        drawn += completion.ids.length;
      }
      assert.ok(drawn > 0);
      await Promise.all([evaluator.close(), sampler.close()]);
    });
  }

  test('frozen weights are rounded: log-probabilities differ by rounding only', async () => {
    const [, spec] = specs[0] as (typeof specs)[number];
    const [exact, rounded] = [await logprobs(spec, 'float32'), await logprobs(spec, 'float16')];
    const largest = Math.max(...rounded.map((x, i) => Math.abs(x - (exact[i] as number))));
    assert.ok(largest > 1e-5 && largest < 0.03, `${largest}`);
  });

  test('the Gram matrix at the logits equals that of float32 up to rounding', async () => {
    const [, spec] = specs[0] as (typeof specs)[number];
    const old = await logprobs(spec, 'float32');
    const gram = async (precision: EnginePrecision): Promise<Float32Array> => {
      const engine = await LogitGramEngine.open(model, spec, { threads: 1, precision });
      const computed = await engine.compute(versionOf(spec), shard(old));
      await engine.close();
      return Float32Array.from(computed);
    };
    const gap = gapOf(await gram('float16'), await gram('float32'));
    assert.ok(gap > 0 && gap < 0.02, `${gap}`);
  });
});
