/** Sampling speed relative to the machine's roofline and to sampling without a cache. */
import { Graph, Session, type TensorArray, emitMatmul, emitReduce } from '@gapo/graph';
import { type DecoderConfig, type NamedTensor, decoderTensors } from '@gapo/model';
import { Evaluator } from '@gapo/policy';
import { benchDecoder, benchTrainable, benchVersion } from './decoder.js';
import { millis } from './millis.js';
import { prompt, shardSampler, shardWorker, someIds, tokens } from './samplingShard.js';

const rowCount = 32;
const threadCount = 2;
const rounds = 5;

/** The machine's peak rates. */
interface Machine {
  /** Operations per millisecond in a large float32 matrix product, counting a multiplication and an addition as two. */
  readonly operations: number;
  /** Bytes read from memory per millisecond. */
  readonly bytes: number;
}

/**
 * Measures in one process and one run; every figure is the best of several, because other processes only ever add time.
 *
 * - `sampling.tokensPerSecond`: tokens per second for 32 completions of 128 tokens, including reading prompts of 16 tokens,
 *   as two shards on two workers with one thread each, as docs/sampling.md recommends.
 * - `sampling.oneWorkerTokensPerSecond`: the same as one shard on one worker of two threads.
 * - `sampling.rooflineTokensPerSecond`: the machine's maximum rate, see `rooflineMillis`.
 * - `sampling.ofRoofline`: `tokensPerSecond` divided by that.
 * - `sampling.recomputeTokensPerSecond`: with a full forward pass for every token and no cache.
 * - `sampling.overRecompute`: `tokensPerSecond` divided by that.
 */
export async function samplingBench(): Promise<Record<string, number>> {
  const model = benchDecoder();
  const version = benchVersion(model);
  const one = shardSampler(threadCount, { start: 0, end: rowCount });
  const workers = [0, 1].map((half) => shardWorker({ start: (half * rowCount) / 2, end: ((half + 1) * rowCount) / 2 }));
  const evaluator = await Evaluator.open(model, benchTrainable, { threads: threadCount });
  const product = await productProbe(2048);
  const reading = await readingProbe();
  // Alternating, so that other work on the machine affects all of them equally.
  let [sampling, oneWorker] = [Infinity, Infinity];
  let operations = 0;
  let bytes = 0;
  for (let round = 0; round < rounds; round++) {
    operations = Math.max(operations, await product());
    bytes = Math.max(bytes, await reading());
    sampling = Math.min(sampling, await millis(() => Promise.all(workers.map(({ sample }) => sample(round)))));
    oneWorker = Math.min(oneWorker, await millis(() => one(round)));
  }
  const recompute = await recomputeMillis(evaluator, version);
  await Promise.all(workers.map(({ close }) => close()));
  await evaluator.close();
  const rate = (time: number): number => (1e3 * rowCount * tokens) / time;
  const roofline = rooflineMillis(model.config, { operations, bytes });
  return {
    'sampling.tokensPerSecond': rate(sampling),
    'sampling.oneWorkerTokensPerSecond': rate(oneWorker),
    'sampling.rooflineTokensPerSecond': rate(roofline),
    'sampling.ofRoofline': roofline / sampling,
    'sampling.recomputeTokensPerSecond': rate(recompute),
    'sampling.overRecompute': recompute / sampling,
    'sampling.ceilingGflops': operations / 1e6,
    'sampling.readGigabytesPerSecond': bytes / 1e6,
  };
}

/**
 * The minimum time for all tokens, in ms: Σ over steps max(bytes / bandwidth, operations / ceiling), where a step with p
 * positions in the cache of each of R rows
 *
 * - reads every matrix once and the cache once: 4 · (M + R · layers · 2 · keyValueHeads · headWidth · p) bytes;
 * - multiplies every row by every matrix and attends to the cache:
 *   2 · R · M + 2 · R · layers · 2 · heads · headWidth · p operations,
 *
 * with M the elements of all matrices, including the output projection. Reading the prompts is not counted.
 */
function rooflineMillis(config: DecoderConfig, machine: Machine): number {
  const { layers, heads, keyValueHeads, headWidth } = config;
  const matrices = decoderTensors(config)
    .filter(({ shape }) => shape.length === 2)
    .reduce((total, { shape }) => total + (shape[0] as number) * (shape[1] as number), 0);
  let total = 0;
  for (let step = 0; step < tokens; step++) {
    const past = prompt + step;
    const bytes = 4 * (matrices + rowCount * layers * 2 * keyValueHeads * headWidth * past);
    const operations = 2 * rowCount * (matrices + layers * 2 * heads * headWidth * past);
    total += Math.max(bytes / machine.bytes, operations / machine.operations);
  }
  return total;
}

/**
 * The time for all tokens with one forward pass over the whole sequences per token, and log-probabilities only at their
 * last position. Measured at a few lengths and integrated with the trapezoidal rule.
 */
async function recomputeMillis(evaluator: Evaluator, version: readonly NamedTensor[]): Promise<number> {
  const spacing = tokens / 4;
  const times: number[] = [];
  for (let drawn = 0; drawn <= tokens; drawn += spacing) {
    const sequences = Array.from({ length: rowCount }, (_, index) => {
      return { promptIds: someIds(index, prompt + drawn), completionIds: [5] };
    });
    times.push(await best(3, () => evaluator.evaluate(version, sequences, 1)));
  }
  return times.slice(1).reduce((total, time, i) => total + (spacing * (time + (times[i] as number))) / 2, 0);
}

/** Measures the operations per millisecond of an n³ matrix product. */
async function productProbe(n: number): Promise<() => Promise<number>> {
  const graph = new Graph('product');
  const y = emitMatmul(graph.floatInput('a', [n, n]), graph.floatInput('b', [n, n]));
  graph.output('y', emitReduce('ReduceMax', y)); // returns little data
  const session = await Session.open(graph.toModel(), { threads: threadCount });
  const matrix: TensorArray = { data: new Float32Array(n * n).fill(0.5), dims: [n, n] };
  return async () => (2 * n ** 3) / (await best(5, () => session.run({ a: matrix, b: matrix })));
}

/** Measures the bytes per millisecond of a reduction over far more data than the CPU caches hold. */
async function readingProbe(): Promise<() => Promise<number>> {
  const dims = [64, 1 << 20] as const;
  const graph = new Graph('reading');
  graph.output('y', emitReduce('ReduceMax', graph.floatInput('x', dims), -1));
  const session = await Session.open(graph.toModel(), { threads: threadCount });
  const x: TensorArray = { data: new Float32Array(dims[0] * dims[1]).fill(1), dims };
  return async () => x.data.byteLength / (await best(5, () => session.run({ x })));
}

async function best(repeats: number, work: () => Promise<unknown>): Promise<number> {
  let least = Infinity;
  for (let repeat = 0; repeat < repeats; repeat++) least = Math.min(least, await millis(work));
  return least;
}
