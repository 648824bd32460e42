import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type NamedTensor, type TrainableSpec, initialTensors, activationBytes } from '@gapo/model';
import { at } from '@gapo/numeric';
import fc from 'fast-check';
import { Evaluator } from '../evaluator.js';
import { GradientEngine, type ShardGradients } from '../gradients/gradientEngine.js';
import type { ShardInput } from '../gradients/shard.js';
import { tinyConfig, tinyModel } from '../tinyModel.fixture.js';
import type { Sequence } from './batch.js';
import { type MemoryOptions, type Unit, microBatches, unitsOf } from './microBatches.js';

const drawn = fc.array(
  fc.record({
    prompt: fc.integer({ min: 0, max: 5 }), // which prompt: equal numbers are equal prompts
    completion: fc.integer({ min: 1, max: 60 }),
  }),
  { minLength: 1, maxLength: 24 },
);
type Drawn = typeof drawn extends fc.Arbitrary<infer S> ? S : never;
const sequencesOf = (all: Drawn): Sequence[] =>
  all.map(({ prompt, completion }) => ({
    promptIds: new Array<number>(1 + 7 * prompt).fill(1),
    completionIds: new Array<number>(completion).fill(1),
  }));
const room = (tokens: number) => (extents: { readonly rows: number; readonly length: number }) =>
  extents.rows * extents.length <= tokens;

describe('micro-batches', () => {
  test('every sequence is in exactly one, and each fits the budget or is a single unit', () => {
    fc.assert(
      fc.property(drawn, fc.integer({ min: 1, max: 2000 }), fc.boolean(), (all, tokens, shared) => {
        const sequences = sequencesOf(all);
        const units = unitsOf(sequences, shared, room(tokens));
        const parts = microBatches(units, room(tokens));
        assert.deepEqual(
          parts.flat().sort((a, b) => a - b),
          all.map((_, index) => index),
        );
        for (const part of parts) {
          const of = part.map((index) => at(sequences, index));
          const longest = (key: 'promptIds' | 'completionIds'): number =>
            Math.max(...of.map((each) => each[key].length));
          const length = longest('promptIds') + longest('completionIds');
          assert.ok(part.length === 1 || room(tokens)({ rows: part.length, length }));
        }
      }),
    );
  });

  test('sequences that share a prompt stay together where they fit, in the fewest micro-batches where they do not', () => {
    const all = sequencesOf([0, 1, 0, 1, 0].map((prompt) => ({ prompt, completion: 9 })));
    const indices = (tokens: number): readonly (readonly number[])[] =>
      unitsOf(all, true, room(tokens)).map((unit) => unit.indices);
    assert.deepEqual(indices(1000), [
      [0, 2, 4],
      [1, 3],
    ]);
    assert.deepEqual(indices(20), [[0, 2], [4], [1], [3]]);
  });

  test('sequences of similar lengths are grouped where padding would cost more than another micro-batch', () => {
    const units = (lengths: readonly number[]): Unit[] =>
      lengths.map((total, index) => ({ indices: [index], prompt: 1, longest: total - 1, completions: 1 }));
    assert.deepEqual(
      microBatches(units([150, 30, 148, 31, 152, 29, 149, 30]), () => true),
      [
        [1, 3, 5, 7],
        [0, 2, 4, 6],
      ],
    );
    assert.deepEqual(microBatches(units(new Array<number>(8).fill(30)), () => true).length, 1);
  });

  test('activations grow with rows and length, and recomputation reduces them', () => {
    const extents = { rows: 4, length: 20, completions: 40 };
    const kept = activationBytes(tinyConfig, extents, 'layers');
    assert.ok(activationBytes(tinyConfig, { ...extents, rows: 8 }, 'layers') > kept);
    assert.ok(activationBytes(tinyConfig, { ...extents, length: 40 }, 'layers') > kept);
    assert.ok(activationBytes(tinyConfig, extents, 'nothing') < kept);
    const deep = { ...tinyConfig, layers: 20 };
    assert.ok(activationBytes(deep, extents, 'inputs') < activationBytes(deep, extents, 'layers') / 5);
  });
});

const model = tinyModel();
const sequences = Array.from({ length: 9 }, (_, s) => ({
  promptIds: Array.from({ length: 1 + ((s * 3) % 5) }, (_, i) => 1 + (i % 10)), // some are equal
  completionIds: Array.from({ length: 1 + ((s * 5) % 7) }, (_, i) => 1 + ((s * i + 3) % 10)),
}));
const tokens = sequences.reduce((total, { completionIds }) => total + completionIds.length, 0);
const wave = (size: number, seed: number): Float32Array =>
  Float32Array.from({ length: size }, (_, i) => Math.sin(1.7 * i + seed));

function version(spec: TrainableSpec): readonly NamedTensor[] {
  return initialTensors(tinyConfig, spec, 5, model.weights).map(({ name, shape, data }, index) => ({
    name,
    shape,
    data: data.every((x) => x === 0) ? wave(data.length, index).map((x) => 0.3 * x) : data,
  }));
}

function shard(per: ShardInput['advantagesPer'], valueHeads: number): ShardInput {
  const rows = per === 'token' ? tokens : sequences.length;
  const value = {
    coefficient: 0.7,
    clip: 0.25,
    oldValues: wave(tokens * valueHeads, 4),
    returns: wave(tokens * valueHeads, 8),
  };
  return {
    sequences,
    advantages: wave(2 * rows, 1),
    advantagesPer: per,
    objectives: 2,
    oldLogprobs: wave(tokens, 2).map((x) => x - 2), // many tokens are clipped
    denominator: tokens,
    temperature: 0.9,
    clipRange: 0.2,
    klCoefficient: 0.3,
    referenceLogprobs: wave(tokens, 3).map((x) => x - 2),
    entropyCoefficient: 0.1,
    ...(valueHeads > 0 ? { value } : {}),
  };
}

async function gradientsOf(spec: TrainableSpec, input: ShardInput, options: MemoryOptions): Promise<ShardGradients> {
  const engine = new GradientEngine(model, spec, { threads: 1, ...options });
  const found = await engine.compute(version(spec), input);
  await engine.close();
  return found;
}

/** ‖a − b‖ over ‖a‖. */
function gap(a: Float32Array, b: Float32Array): number {
  return Math.hypot(...a.map((x, i) => x - (b[i] as number))) / Math.hypot(...a);
}

describe('gradients', () => {
  const lora = { rank: 2, alpha: 4, targets: ['q_proj', 'v_proj', 'o_proj', 'down_proj'] };
  const cases: readonly (readonly [string, TrainableSpec, ShardInput])[] = [
    ['adapters, an advantage for each sequence', { lora, valueHeads: 0 }, shard('sequence', 0)],
    ['adapters and value heads, an advantage for each token', { lora, valueHeads: 2 }, shard('token', 2)],
    ['all weights', { valueHeads: 0 }, shard('sequence', 0)],
  ];
  for (const [what, spec, input] of cases) {
    test(`in micro-batches of one sequence they equal those of the whole shard: ${what}`, async () => {
      const whole = await gradientsOf(spec, input, {});
      const split = await gradientsOf(spec, input, { memoryBudget: 1e-6 });
      whole.objectives.forEach((gradient, k) => assert.ok(gap(gradient, split.objectives[k] as Float32Array) < 1e-5));
      assert.ok(gap(whole.regularizer as Float32Array, split.regularizer as Float32Array) < 1e-5);
      const { clipped, tokens: counted, klSum, valueLossSum } = split.statistics;
      assert.deepEqual([clipped, counted], [whole.statistics.clipped, whole.statistics.tokens]);
      assert.ok(clipped.every((count) => count > 0));
      assert.ok(Math.abs(klSum - whole.statistics.klSum) < 1e-5 * klSum);
      valueLossSum.forEach((sum, k) => assert.ok(Math.abs(sum - at(whole.statistics.valueLossSum, k)) < 1e-5 * sum));
    });

    test(`recomputed layers give identical results: ${what}`, async () => {
      const kept = await gradientsOf(spec, input, {});
      const again = await gradientsOf(spec, input, { recompute: true });
      assert.deepEqual(again, kept);
    });
  }
});

test('log-probabilities and values keep the order of the sequences, whatever the split', async () => {
  const spec: TrainableSpec = { lora: { rank: 2, alpha: 4, targets: ['q_proj'] }, valueHeads: 2 };
  const results = [];
  for (const memoryBudget of [2048, 1e-6]) {
    const evaluator = await Evaluator.open(model, spec, { threads: 1, memoryBudget });
    results.push(await evaluator.evaluate(version(spec), sequences, 0.9));
    await evaluator.close();
  }
  const [whole, split] = results as [(typeof results)[0], (typeof results)[0]];
  assert.deepEqual(split.values?.dims, [tokens, 2]);
  assert.ok(gap(whole.logprobs, split.logprobs) < 1e-6);
  assert.ok(gap(whole.values?.data as Float32Array, split.values.data) < 1e-6);
});
