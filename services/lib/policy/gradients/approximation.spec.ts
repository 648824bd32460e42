import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Graph, Session, type TensorArray, gradients, mul, softCap, tokenStatistics } from '@gapo/graph';
import { type DecoderModel, type TrainableSpec, initialTensors, sizeOf, trainableTensors } from '@gapo/model';
import { at, required } from '@gapo/numeric';
import { gramFromMatrix, gramMatrix } from '@gapo/objectives';
import { toBatch } from '../batches/batch.js';
import { completionFeeds, parameterFeeds, pick } from '../decoder/completions.js';
import { continuationInputs, predictingStates } from '../decoder/continuations.js';
import { decoderOf, logits } from '../decoder/sequences.js';
import { tensorSource } from '../decoder/tensorSource.js';
import { Evaluator } from '../evaluator.js';
import { tinyConfig, tinyModel } from '../tinyModel.fixture.js';
import { GradientEngine } from './gradientEngine.js';
import { LogitGramEngine } from './logitGram.js';
import { ratio, tokenSurrogateSlope } from './lossSlopes.js';
import { project } from './randomProjection.js';
import type { ShardInput } from './shard.js';

const model = tinyModel();
const spec: TrainableSpec = { lora: { rank: 2, alpha: 4, targets: ['q_proj', 'down_proj'] }, valueHeads: 0 };
const version = initialTensors(tinyConfig, spec, 5, model.weights).map(({ name, shape, data }, index) => ({
  name,
  shape,
  data: data.map((x, i) => (x === 0 ? 0.2 * Math.sin(i + index) : x)),
}));
const names = ['a', 'b'];
const sequences = [
  { promptIds: [1, 5, 6], completionIds: [7, 3, 2] },
  { promptIds: [1, 4], completionIds: [9, 10, 8, 2] },
];

async function input(of: DecoderModel = model): Promise<ShardInput> {
  const evaluator = await Evaluator.open(of, spec, { threads: 1 });
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

/**
 * The Gram matrix of the gradients at the outputs of the last linear map, by differentiation in float64. The outputs are the
 * logits, or with a soft cap what the cap maps to them.
 */
async function gramByDifferentiation(of: DecoderModel, shard: ShardInput): Promise<ReturnType<typeof gramMatrix>> {
  const { vocabulary, logitCap } = of.config;
  const graph = new Graph('logits');
  const { tensors } = tensorSource(graph, trainableTensors(of.config, spec), of.weights);
  const decoder = decoderOf(of.config, tensors, spec.lora);
  const hidden = predictingStates(decoder, continuationInputs(graph, false));
  graph.output('logits', logits(decoder, hidden, graph.constant(1)));
  const model = await Session.open(graph.toModel(), { threads: 1 });
  const feeds = { ...parameterFeeds(version), ...completionFeeds(toBatch(sequences, of.config.context, false), 1) };
  const { logits: bounded } = await model.run(pick(feeds, model.inputNames));
  await model.close();
  const outputs = Float64Array.from(required(bounded, 'logits').data as Float32Array, (x) =>
    logitCap === undefined ? x : logitCap * Math.atanh(x / logitCap),
  );

  const targets = sequences.flatMap(({ completionIds }) => completionIds);
  const exact = new Graph('slopes', 'float64');
  const parameter = exact.floatInput('outputs', [7, vocabulary]);
  // As in the decoder, the temperature divides what the cap lets through, or the outputs themselves.
  const cooled = mul(parameter, exact.constant(1 / shard.temperature));
  const read =
    logitCap === undefined ? cooled : mul(softCap(parameter, logitCap), exact.constant(1 / shard.temperature));
  const { logprobs } = tokenStatistics(read, exact.integers(targets));
  const r = ratio(logprobs, exact.constant([...shard.oldLogprobs]));
  for (let k = 0; k < 2; k++) {
    const advantages = [0, 0, 0, 1, 1, 1, 1].map((sequence) => shard.advantages[sequence * 2 + k] as number);
    const slope = tokenSurrogateSlope(r, exact.constant(advantages), exact.constant(7), 0.2);
    exact.output(`g${k}`, required(gradients([[logprobs, slope]], [parameter]).get(parameter), 'the gradient'));
  }
  const session = await Session.open(exact.toModel(), { threads: 1 });
  const { g0, g1 } = await session.run({ outputs: { data: outputs, dims: [7, vocabulary] } });
  await session.close();
  // The engine takes gradients at the logits divided by the temperature.
  const at = (g: TensorArray | undefined): Float64Array =>
    (required(g, 'a gradient').data as Float64Array).map((x) => x * shard.temperature);
  return gramMatrix([at(g0), at(g1)], names);
}

for (const [what, logitCap] of [
  ['the logits', undefined],
  ['the soft cap on the logits', 0.8],
] as const) {
  test(`the Gram matrix at ${what} equals that of gradients from differentiation`, async () => {
    const capped = { ...model, config: { ...tinyConfig, ...(logitCap && { logitCap }) } };
    const shard = await input(capped);
    const engine = await LogitGramEngine.open(capped, spec, { threads: 1 });
    const mine = gramFromMatrix(await engine.compute(version, shard), names);
    await engine.close();
    const expected = await gramByDifferentiation(capped, shard);
    expected.values.forEach((x, i) =>
      assert.ok(Math.abs(x - at(mine.values, i)) < 1e-4 * Math.abs(x) + 1e-9, `${x} and ${mine.values[i]}`),
    );
  });
}

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
