/** How fast completions are sampled: against what the machine could do at best, and against sampling without a cache. */
import { Graph, Session, type TensorArray, emitMatmul, emitReduce } from '@gapo/graph';
import { type DecoderConfig, type NamedTensor, decoderTensors } from '@gapo/model';
import { Evaluator, Sampler } from '@gapo/policy';
import { benchConfig, benchDecoder, benchTrainable, benchVersion } from './decoder.js';

const ROWS = 32;
const PROMPT = 16;
const TOKENS = 128;
const THREADS = 2;
const ROUNDS = 5;

/** What the machine can do. */
interface Machine {
  /** Operations a millisecond of a large float32 matrix product; a multiplication and an addition are two. */
  readonly operations: number;
  /** Bytes a millisecond, read from memory. */
  readonly bytes: number;
}

/**
 * Measures in one process and one run; every figure is the best of several, as other processes only ever add time.
 *
 * - `sampling.tokensPerSecond`: tokens a second of 32 completions of 128 tokens, prompts of 16 tokens read included.
 * - `sampling.rooflineTokensPerSecond`: the rate at which the machine could do it, see `rooflineMillis`.
 * - `sampling.ofRoofline`: the first of these divided by the second.
 * - `sampling.recomputeTokensPerSecond`: with a whole forward pass for every token, and nothing kept.
 * - `sampling.overRecompute`: the first divided by that.
 */
export async function samplingBench(): Promise<Record<string, number>> {
  const model = benchDecoder();
  const version = benchVersion(model);
  const sampler = new Sampler(model, benchTrainable, { threads: THREADS });
  const evaluator = await Evaluator.open(model, benchTrainable, { threads: THREADS });
  const product = await productProbe(2048);
  const reading = await readingProbe();
  // In turn, so that whatever else the machine does is the same for all.
  let sampling = Infinity;
  let operations = 0;
  let bytes = 0;
  for (let round = 0; round < ROUNDS; round++) {
    operations = Math.max(operations, await product());
    bytes = Math.max(bytes, await reading());
    sampling = Math.min(sampling, await millis(() => sampleAll(sampler, version, round)));
  }
  const recompute = await recomputeMillis(evaluator, version);
  await sampler.close();
  await evaluator.close();
  const rate = (time: number): number => (1e3 * ROWS * TOKENS) / time;
  const roofline = rooflineMillis(model.config, { operations, bytes });
  return {
    'sampling.tokensPerSecond': rate(sampling),
    'sampling.rooflineTokensPerSecond': rate(roofline),
    'sampling.ofRoofline': roofline / sampling,
    'sampling.recomputeTokensPerSecond': rate(recompute),
    'sampling.overRecompute': recompute / sampling,
    'sampling.ceilingGflops': operations / 1e6,
    'sampling.readGigabytesPerSecond': bytes / 1e6,
  };
}

/**
 * The least time for all tokens, in ms: Σ over steps max(bytes / bandwidth, operations / ceiling), where a step with
 * p positions in the cache of each of R rows
 *
 * - reads every matrix once and the cache once: 4 · (M + R · layers · 2 · keyValueHeads · headWidth · p) bytes;
 * - multiplies every row by every matrix and attends to the cache:
 *   2 · R · M + 2 · R · layers · 2 · heads · headWidth · p operations,
 *
 * with M the elements of all matrices, the output projection included. Reading the prompts counts nothing.
 */
function rooflineMillis(config: DecoderConfig, machine: Machine): number {
  const { layers, heads, keyValueHeads, headWidth } = config;
  const matrices = decoderTensors(config)
    .filter(({ shape }) => shape.length === 2)
    .reduce((total, { shape }) => total + (shape[0] as number) * (shape[1] as number), 0);
  let total = 0;
  for (let step = 0; step < TOKENS; step++) {
    const past = PROMPT + step;
    const bytes = 4 * (matrices + ROWS * layers * 2 * keyValueHeads * headWidth * past);
    const operations = 2 * ROWS * (matrices + layers * 2 * heads * headWidth * past);
    total += Math.max(bytes / machine.bytes, operations / machine.operations);
  }
  return total;
}

async function sampleAll(sampler: Sampler, version: readonly NamedTensor[], step: number): Promise<void> {
  const prompts = Array.from({ length: ROWS }, (_, index) => ({ index, ids: tokens(index, PROMPT) }));
  const options = { temperature: 1, maxNewTokens: TOKENS, samplesPerPrompt: 1, seed: 3, step };
  let drawn = 0;
  for await (const { ids } of sampler.sample(version, prompts, options)) drawn += ids.length;
  if (drawn !== ROWS * TOKENS) throw new Error(`sampling bench: ${drawn} tokens drawn, expected ${ROWS * TOKENS}`);
}

/**
 * The time of all tokens with one forward pass over the whole sequences for each, and log-probabilities at their last
 * position alone: measured at a few lengths, and between them by the trapezoidal rule.
 */
async function recomputeMillis(evaluator: Evaluator, version: readonly NamedTensor[]): Promise<number> {
  const spacing = TOKENS / 4;
  const times: number[] = [];
  for (let drawn = 0; drawn <= TOKENS; drawn += spacing) {
    const sequences = Array.from({ length: ROWS }, (_, index) => {
      return { promptIds: tokens(index, PROMPT + drawn), completionIds: [5] };
    });
    times.push(await best(3, () => evaluator.evaluate(version, sequences, 1)));
  }
  return times.slice(1).reduce((total, time, i) => total + (spacing * (time + (times[i] as number))) / 2, 0);
}

/** Operations a millisecond of an n³ matrix product. */
async function productProbe(n: number): Promise<() => Promise<number>> {
  const graph = new Graph('product');
  const y = emitMatmul(graph.floatInput('a', [n, n]), graph.floatInput('b', [n, n]));
  graph.output('y', emitReduce('ReduceMax', y)); // little comes back
  const session = await Session.open(graph.toModel(), { threads: THREADS });
  const matrix: TensorArray = { data: new Float32Array(n * n).fill(0.5), dims: [n, n] };
  return async () => (2 * n ** 3) / (await best(5, () => session.run({ a: matrix, b: matrix })));
}

/** Bytes a millisecond of a reduction over much more than the processor's caches hold. */
async function readingProbe(): Promise<() => Promise<number>> {
  const dims = [64, 1 << 20] as const;
  const graph = new Graph('reading');
  graph.output('y', emitReduce('ReduceMax', graph.floatInput('x', dims), -1));
  const session = await Session.open(graph.toModel(), { threads: THREADS });
  const x: TensorArray = { data: new Float32Array(dims[0] * dims[1]).fill(1), dims };
  return async () => x.data.byteLength / (await best(5, () => session.run({ x })));
}

function tokens(row: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => 3 + ((row * 131 + i * 17) % (benchConfig.vocabulary - 3)));
}

async function best(repeats: number, work: () => Promise<unknown>): Promise<number> {
  let least = Infinity;
  for (let repeat = 0; repeat < repeats; repeat++) least = Math.min(least, await millis(work));
  return least;
}

async function millis(work: () => Promise<unknown>): Promise<number> {
  const before = performance.now();
  await work();
  return performance.now() - before;
}
