/** The cost of the gradients of several objectives, relative to one objective and to the machine's matrix products. */
import { Graph, Session, type TensorArray, emitMatmul, emitReduce } from '@gapo/graph';
import { type DecoderConfig, decoderTensors, initialTensors, sizeOf } from '@gapo/model';
import { Evaluator, GradientEngine, type ShardInput } from '@gapo/policy';
import { benchConfig, benchDecoder, benchTrainable, benchVersion } from './decoder.js';

const rowCount = 16;
const vectorLength = 128;
const threadCount = 2;
const rounds = 6;
const objectiveCounts = [1, 2, 4, 8] as const;
const allWeights = { valueHeads: 0 };

/**
 * Measures in one process and one run, on 16 sequences of 128 tokens, where all tokens except the first are predicted.
 * Every figure is the best of several rounds in which all kinds of passes alternate, because other processes only ever
 * add time.
 *
 * - `engine.ceilingGflops`: the better of float32 matrix products of 1024³ and 2048³, in 10⁹ operations per second.
 * - `engine.efficiency`: the rate of operations (see `operations`) of forward and backward passes with all weights
 *   trained, divided by the ceiling.
 * - `engine.forwardMillis`, `engine.millis`: log-probabilities alone; the gradients of adapters of rank 8, one objective.
 * - `engine.sharedRatio.K`: the time for gradients of K objectives in one backward pass, divided by the time for one
 *   objective.
 * - `engine.separateRatio.K`: the same with a backward pass for each objective.
 * - `engine.lastLayerRatio.K`: the gradients of the last layer's adapters alone.
 */
export async function engineBench(): Promise<Record<string, number>> {
  const model = benchDecoder();
  const options = { threads: threadCount };
  const adapters = new GradientEngine(model, benchTrainable, options);
  const whole = new GradientEngine(model, allWeights, options);
  const evaluator = await Evaluator.open(model, benchTrainable, options);
  const version = benchVersion(model);
  const weights = initialTensors(model.config, allWeights, 1, model.weights);
  const products = [await productProbe(1024, 4), await productProbe(2048, 1)];

  const kinds: Record<string, () => Promise<unknown>> = {
    forward: () => evaluator.evaluate(version, sequences, 1),
    whole: () => whole.compute(weights, shard(1, 'sequence')),
  };
  for (const count of objectiveCounts) {
    kinds[`shared.${count}`] = () => adapters.compute(version, shard(count, 'sequence'));
    if (count > 1) kinds[`separate.${count}`] = () => adapters.compute(version, shard(count, 'token'));
    kinds[`lastLayer.${count}`] = () => adapters.compute(version, { ...shard(count, 'sequence'), scope: 'lastLayer' });
  }
  let ceiling = 0;
  const best = new Map<string, number>();
  for (let round = 0; round < rounds; round++) {
    for (const product of products) ceiling = Math.max(ceiling, await product());
    for (const [name, run] of Object.entries(kinds)) {
      if (name.startsWith('separate') && round % 3 !== 0) continue; // slow, and without a target
      const began = performance.now();
      await run();
      best.set(name, Math.min(best.get(name) ?? Infinity, performance.now() - began));
    }
  }
  await Promise.all([adapters.close(), whole.close(), evaluator.close()]);

  const millis = (name: string): number => best.get(name) as number;
  const ratios = (kind: string, counts: readonly number[]): Record<string, number> =>
    Object.fromEntries(
      counts.map((count) => [`engine.${kind}Ratio.${count}`, millis(`${kind}.${count}`) / millis('shared.1')]),
    );
  return {
    'engine.ceilingGflops': ceiling / 1e6,
    'engine.efficiency': operations(model.config) / millis('whole') / ceiling,
    'engine.forwardMillis': millis('forward'),
    'engine.millis': millis('shared.1'),
    'engine.wholeMillis': millis('whole'),
    ...ratios('shared', [2, 4, 8]),
    ...ratios('separate', [2, 4, 8]),
    ...ratios('lastLayer', objectiveCounts),
  };
}

const sequences = Array.from({ length: rowCount }, (_, row) => ({
  promptIds: [1],
  completionIds: Array.from(
    { length: vectorLength - 1 },
    (_, i) => 3 + ((row * 131 + i * 17) % (benchConfig.vocabulary - 3)),
  ),
}));
const tokens = rowCount * (vectorLength - 1);

/** The batch under K objectives, none of its tokens clipped. */
export function shard(objectives: number, per: ShardInput['advantagesPer']): ShardInput {
  return shardOf(sequences, objectives, per);
}

/** Sequences under K objectives, none of their tokens clipped. */
export function shardOf(
  sequences: ShardInput['sequences'],
  objectives: number,
  per: ShardInput['advantagesPer'],
): ShardInput {
  const tokens = sequences.reduce((sum, { completionIds }) => sum + completionIds.length, 0);
  const rows = per === 'token' ? tokens : sequences.length;
  return {
    sequences,
    advantages: Float32Array.from({ length: objectives * rows }, (_, i) => Math.sin(i + 1)),
    advantagesPer: per,
    objectives,
    oldLogprobs: new Float32Array(tokens).fill(-Math.log(benchConfig.vocabulary)),
    denominator: tokens,
    temperature: 1,
    clipRange: 1e9,
    klCoefficient: 0,
    entropyCoefficient: 0,
  };
}

/**
 * The minimum operations of one forward and one backward pass with all weights trained, counting a multiplication and an
 * addition as two. Forward: 2 per weight of a matrix and row it multiplies, where only predicted rows count after the
 * last layer's attention and in the output projection, and 2 · 2 · heads · headWidth per pair of a query and a key it may
 * see. Backward: twice that. Embeddings are looked up, and norms and the like are not products.
 */
function operations(config: DecoderConfig): number {
  const matrices = decoderTensors(config).filter(({ shape }) => shape.length === 2);
  const size = (of: (name: string) => boolean): number =>
    matrices.filter(({ name }) => of(name)).reduce((total, { shape }) => total + sizeOf(shape), 0);
  const last = `layers.${config.layers - 1}.`;
  const afterAttention = (name: string): boolean => name.includes(last) && !/[qkv]_proj/.test(name);
  const inLayers = size((name) => name.includes('layers.') && !afterAttention(name));
  const rows = rowCount * vectorLength * inLayers + tokens * (size(afterAttention) + config.vocabulary * config.width);
  const pairs = (config.layers * rowCount * vectorLength * (vectorLength + 1)) / 2;
  return 3 * (2 * rows + 4 * config.heads * config.headWidth * pairs);
}

/** Returns a function that measures a chain of matrix products of one size, in operations per millisecond. */
async function productProbe(size: number, count: number): Promise<() => Promise<number>> {
  const graph = new Graph('products');
  const [a, b] = [graph.floatInput('a', [size, size]), graph.floatInput('b', [size, size])];
  let y = a;
  for (let i = 0; i < count; i++) y = emitMatmul(y, b);
  graph.output('y', emitReduce('ReduceMax', y));
  const session = await Session.open(graph.toModel(), { threads: threadCount });
  const data = Float32Array.from({ length: size * size }, (_, i) => Math.sin(i) / size);
  const feeds: Record<string, TensorArray> = { a: { data, dims: [size, size] }, b: { data, dims: [size, size] } };
  return async () => {
    const began = performance.now();
    await session.run(feeds);
    return (2 * count * size ** 3) / (performance.now() - began);
  };
}
