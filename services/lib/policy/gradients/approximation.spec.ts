import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Graph, Session, gradients, tokenStatistics } from '@gapo/graph';
import { type TrainableSpec, initialTensors, sizeOf, trainableTensors } from '@gapo/model';
import { at, required } from '@gapo/numeric';
import { gramFromMatrix, gramMatrix } from '@gapo/objectives';
import { Evaluator } from '../evaluator.js';
import { tinyConfig, tinyModel } from '../tinyModel.fixture.js';
import { GradientEngine } from './gradientEngine.js';
import { LogitGramEngine } from './logitGram.js';
import { ratio, surrogateSlope } from './lossSlopes.js';
import { project } from './randomProjection.js';
import type { ShardInput } from './shard.js';

const model = tinyModel();
const spec: TrainableSpec = { lora: { rank: 2, alpha: 4, targets: ['q_proj', 'down_proj'] }, valueHeads: 0 };
const version = initialTensors(tinyConfig, spec, 5, model.weights).map(({ name, shape, data }, index) => ({
  name,
  shape,
  data: data.map((x, i) => (x === 0 ? 0.2 * Math.sin(i + index) : x)),
}));
const sequences = [
  { promptIds: [1, 5, 6], completionIds: [7, 3, 2] },
  { promptIds: [1, 4], completionIds: [9, 10, 8, 2] },
];

async function input(): Promise<ShardInput> {
  const evaluator = await Evaluator.open(model, spec, { threads: 1 });
  const { logprobs } = await evaluator.evaluate(version, sequences, 0.9);
  await evaluator.close();
  return {
    sequences,
    advantages: Float32Array.of(1.2, -0.9, -0.7, 0.3), // [sequences, K]
    advantagesPer: 'sequence',
    objectives: 2,
    // Some ratios outside the clip range, on either side.
    oldLogprobs: logprobs.map((x, n) => x + at([0.5, -0.5, 0, 0.4, -0.6, 0.1, 0], n)),
    denominator: 7,
    temperature: 0.9,
    clipRange: 0.2,
    klCoefficient: 0,
    entropyCoefficient: 0,
  };
}

test('gradients of the last layer equal that part of the exact gradients', async () => {
  const shard = await input();
  const engine = new GradientEngine(model, spec, { threads: 1 });
  const exact = await engine.compute(version, shard);
  const last = await engine.compute(version, { ...shard, scope: 'lastLayer' });
  const all = trainableTensors(tinyConfig, spec);
  const start = all
    .filter(({ name }) => name.includes('layers.0.'))
    .reduce((total, { shape }) => total + sizeOf(shape), 0);
  last.objectives.forEach((gradient, k) => {
    const part = (exact.objectives[k] as Float32Array).subarray(start);
    assert.equal(gradient.length, part.length);
    gradient.forEach((x, i) => assert.ok(Math.abs(x - (part[i] as number)) <= 1e-6 * Math.max(1, Math.abs(x))));
  });
  await engine.close();
});

test('the Gram matrix at the logits equals that of gradients from differentiation', async () => {
  const shard = await input();
  const engine = await LogitGramEngine.open(model, spec, { threads: 1 });
  const found = await engine.compute(version, shard);

  // The same logits as a parameter, up to a constant that softmax ignores: the log-probability of every token.
  const evaluator = await Evaluator.open(model, spec, { threads: 1 });
  const logits: number[] = [];
  for (const { promptIds, completionIds } of sequences) {
    for (let t = 0; t < completionIds.length; t++) {
      const before = [...promptIds, ...completionIds.slice(0, t)];
      const each = Array.from({ length: tinyConfig.vocabulary }, (_, id) => ({
        promptIds: before,
        completionIds: [id],
      }));
      logits.push(...(await evaluator.evaluate(version, each, 0.9)).logprobs);
    }
  }
  const targets = sequences.flatMap(({ completionIds }) => completionIds);
  const graph = new Graph('logits', 'float64');
  const parameter = graph.floatInput('logits', [7, tinyConfig.vocabulary]);
  const { logprobs } = tokenStatistics(parameter, graph.integers(targets));
  const r = ratio(logprobs, graph.constant([...shard.oldLogprobs]));
  for (let k = 0; k < 2; k++) {
    const advantages = [0, 0, 0, 1, 1, 1, 1].map((sequence) => shard.advantages[sequence * 2 + k] as number);
    const seed = graph.constant(advantages);
    const parts = (['positive', 'negative'] as const).map((sign) => surrogateSlope(r, graph.constant(7), 0.2, sign));
    const choose = graph.constant(advantages.map((a) => (a >= 0 ? 1 : 0)));
    const other = graph.constant(advantages.map((a) => (a >= 0 ? 0 : 1)));
    const mix = graph.emit(
      'Add',
      [
        graph.emit('Mul', [parts[0], choose], { dtype: 'float64', dims: [7] }),
        graph.emit('Mul', [parts[1], other], { dtype: 'float64', dims: [7] }),
      ],
      { dtype: 'float64', dims: [7] },
    );
    const slope = graph.emit('Mul', [mix, seed], { dtype: 'float64', dims: [7] });
    graph.output(`g${k}`, required(gradients([[logprobs, slope]], [parameter]).get(parameter), 'the gradient'));
  }
  const session = await Session.open(graph.toModel(), { threads: 1 });
  const outputs = await session.run({ logits: { data: Float64Array.from(logits), dims: [7, tinyConfig.vocabulary] } });
  const names = ['a', 'b'];
  const { g0, g1 } = outputs;
  assert.ok(g0?.data instanceof Float64Array && g1?.data instanceof Float64Array);
  const expected = gramMatrix([g0.data, g1.data], names);
  const mine = gramFromMatrix(found, names);
  expected.values.forEach((x, i) =>
    assert.ok(Math.abs(x - at(mine.values, i)) < 1e-5 * Math.abs(x) + 1e-9, `${x} and ${mine.values[i]}`),
  );
  await session.close();
  await engine.close();
  await evaluator.close();
});

describe('random projection', () => {
  const wave = (seed: number): Float32Array => Float32Array.from({ length: 1000 }, (_, i) => Math.sin(i * seed) + 0.3);
  const dot = (a: Float32Array, b: Float32Array): number => a.reduce((total, x, i) => total + x * at(b, i), 0);

  test('keeps inner products within a few times √(2 / dimensions)', () => {
    const [a, b] = [wave(0.7), wave(0.9)];
    const [pa, pb] = [project(a, 512, 3), project(b, 512, 3)];
    const scale = Math.sqrt(dot(a, a) * dot(b, b));
    assert.ok(Math.abs(dot(pa, pb) - dot(a, b)) < 4 * Math.sqrt(2 / 512) * scale);
    assert.ok(Math.abs(dot(pa, pa) - dot(a, a)) < 4 * Math.sqrt(2 / 512) * dot(a, a));
  });

  test('is linear, so that shards add up, and a function of the seed', () => {
    const [a, b] = [wave(0.7), wave(0.9)];
    const sum = project(
      a.map((x, i) => x + at(b, i)),
      16,
      3,
    );
    const [pa, pb] = [project(a, 16, 3), project(b, 16, 3)];
    sum.forEach((x, i) => assert.ok(Math.abs(x - at(pa, i) - at(pb, i)) < 1e-3));
    assert.notDeepEqual(project(a, 16, 4), pa);
    assert.throws(() => project(a, 0, 3), /projection_dimensions is 0/);
  });
});
