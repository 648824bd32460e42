/** Computes the gradients of a shard with the exact graph that has the fewest backward passes. */
import { Session, type TensorArray } from '@gapo/graph';
import {
  type DecoderModel,
  type NamedTensor,
  type TensorShape,
  type TrainableSpec,
  sharingPays,
  sizeOf,
} from '@gapo/model';
import { importanceRatio, isClipped, klLoss } from '@gapo/objectives';
import { type SequenceBatch, batchPrompts, checkSequences, toBatch } from '../batches/batch.js';
import { splitByMemory } from '../batches/microBatches.js';
import { completionFeeds, parameterFeeds, pick } from '../decoder/completions.js';
import type { EngineOptions } from '../engineOptions.js';
import { type GradientGraphOptions, gradientGraph, gradientNames, tensorsOf } from './gradientGraph.js';
import { type ShardInput, type ShardStatistics, addStatistics, checkShard, partOf } from './shard.js';

/** The flat gradients of a shard. */
export interface ShardGradients {
  /** The trained tensors that each flat gradient concatenates. */
  readonly parameters: readonly TensorShape[];
  readonly objectives: readonly Float32Array[];
  /** Undefined if every coefficient is 0. */
  readonly regularizer: Float32Array | undefined;
  readonly statistics: ShardStatistics;
}

/** Computes gradients of shards. Opens a session for each graph on first use; calls must not overlap. */
export class GradientEngine {
  readonly #model: DecoderModel;
  readonly #spec: TrainableSpec;
  readonly #options: EngineOptions;
  readonly #sessions = new Map<string, Promise<Session>>();

  constructor(model: DecoderModel, spec: TrainableSpec, options: EngineOptions) {
    this.#model = model;
    this.#spec = spec;
    this.#options = options;
  }

  /** The gradients under a version: the sum over the shard's micro-batches, in order. */
  async compute(version: readonly NamedTensor[], input: ShardInput): Promise<ShardGradients> {
    const { config } = this.#model;
    checkSequences(input.sequences, config.context);
    checkShard(input, this.#spec);
    const shared = sharesPrompts(input);
    const parts = splitByMemory(config, input.sequences, this.#options, { backward: true, shared });
    let total: ShardGradients | undefined;
    for (const indices of parts) {
      const part = await this.#microBatch(version, partOf(input, indices), shared);
      total = total === undefined ? part : added(total, part);
    }
    return total as ShardGradients;
  }

  /**
   * The gradients of one micro-batch. If each sequence has one advantage, first tries a single backward pass, which is
   * exact if no token turns out to be clipped.
   */
  async #microBatch(version: readonly NamedTensor[], input: ShardInput, shared: boolean): Promise<ShardGradients> {
    const batch = toBatch(input.sequences, this.#model.config.context, shared);
    if (input.advantagesPer === 'token') return this.#pass(version, input, batch, 'token', shared);
    const optimistic = await this.#pass(version, input, batch, 'unclipped', shared);
    if (optimistic.statistics.clipped.every((count) => count === 0)) return optimistic;
    return this.#pass(version, input, batch, 'signed', shared);
  }

  async close(): Promise<void> {
    for (const session of this.#sessions.values()) await (await session).close();
    this.#sessions.clear();
  }

  async #pass(
    version: readonly NamedTensor[],
    input: ShardInput,
    batch: SequenceBatch,
    passes: GradientGraphOptions['passes'],
    shared: boolean,
  ): Promise<ShardGradients> {
    const scope = input.scope ?? 'all';
    const regularized =
      input.objectivesOnly !== true &&
      (input.klCoefficient !== 0 || input.entropyCoefficient !== 0 || input.value !== undefined);
    const session = await this.#session({
      config: this.#model.config,
      spec: this.#spec,
      objectives: input.objectives,
      passes,
      clipRange: input.clipRange,
      regularized,
      kl: input.klCoefficient !== 0,
      entropy: input.entropyCoefficient !== 0,
      scope,
      shared,
      recompute: this.#options.recompute ?? false,
      precision: this.#options.precision ?? 'float32',
    });
    const outputs = await session.run(pick(shardFeeds(version, input, batch), session.inputNames));
    const trained = tensorsOf(scope, this.#model.config, this.#spec);
    const flat = (nameOf: (name: string) => string, k: number): Float32Array => flattened(outputs, trained, nameOf, k);
    return {
      parameters: trained,
      objectives: Array.from({ length: input.objectives }, (_, k) => flat(gradientNames.objectives, k)),
      regularizer: regularized ? flat(gradientNames.regularizer, 0) : undefined,
      statistics: statistics(input, batch, outputs),
    };
  }

  #session(options: GradientGraphOptions): Promise<Session> {
    const { objectives, passes, clipRange, regularized, kl, entropy, scope, shared } = options;
    const key = [objectives, passes, clipRange, regularized, kl, entropy, scope, shared].join();
    let session = this.#sessions.get(key);
    if (session === undefined) {
      session = Session.open(gradientGraph(options, this.#model.weights).toModel(), this.#options);
      this.#sessions.set(key, session);
    }
    return session;
  }
}

/** Whether the sequences of a shard share the rows of their prompts. */
function sharesPrompts({ sequences, advantagesPer, objectives }: ShardInput): boolean {
  const ofPass = advantagesPer === 'token' ? 1 : objectives;
  return sharingPays(ofPass, batchPrompts(sequences, true).prompts.length, sequences.length);
}

/** Adds the second gradients to the first, in place. */
function added(total: ShardGradients, part: ShardGradients): ShardGradients {
  const add = (sum: Float32Array, more: Float32Array): void => {
    for (let i = 0; i < sum.length; i++) sum[i] = (sum[i] as number) + (more[i] as number);
  };
  total.objectives.forEach((sum, k) => add(sum, part.objectives[k] as Float32Array));
  if (total.regularizer !== undefined) add(total.regularizer, part.regularizer as Float32Array);
  return { ...total, statistics: addStatistics([total.statistics, part.statistics]) };
}

/** The k-th slice of every trained tensor's output, in order. Tensors without an output have gradient 0. */
function flattened(
  outputs: Readonly<Record<string, TensorArray>>,
  trained: readonly TensorShape[],
  nameOf: (name: string) => string,
  k: number,
): Float32Array {
  const flat = new Float32Array(trained.reduce((total, { shape }) => total + sizeOf(shape), 0));
  let offset = 0;
  for (const { name, shape } of trained) {
    const size = sizeOf(shape);
    const output = outputs[nameOf(name)];
    if (output !== undefined) flat.set((output.data as Float32Array).subarray(k * size, (k + 1) * size), offset);
    offset += size;
  }
  return flat;
}

/** The feeds of every graph's inputs. */
export function shardFeeds(
  version: readonly NamedTensor[],
  input: ShardInput,
  batch: SequenceBatch,
): Readonly<Record<string, TensorArray>> {
  const { advantages, objectives, value } = input;
  const scalar = (x: number): TensorArray => ({ data: Float32Array.of(x), dims: [] });
  const perToken = (data: Float32Array): TensorArray => ({ data, dims: [batch.tokens] });
  return {
    ...parameterFeeds(version),
    ...completionFeeds(batch, input.temperature),
    advantages: { data: advantages, dims: [advantages.length / objectives, objectives] },
    oldLogprobs: perToken(input.oldLogprobs),
    denominator: scalar(input.denominator),
    // Without a KL term the reference has no effect, and the old log-probabilities replace it.
    referenceLogprobs: perToken(input.referenceLogprobs ?? input.oldLogprobs),
    klCoefficient: scalar(input.klCoefficient),
    entropyCoefficient: scalar(input.entropyCoefficient),
    ...(value === undefined
      ? {}
      : {
          oldValues: { data: value.oldValues, dims: [batch.tokens, value.oldValues.length / batch.tokens] },
          returns: { data: value.returns, dims: [batch.tokens, value.returns.length / batch.tokens] },
          valueCoefficient: scalar(value.coefficient),
          valueClip: scalar(value.clip),
        }),
  };
}

/** Sums over the per-token outputs, in float64. */
function statistics(
  input: ShardInput,
  batch: SequenceBatch,
  outputs: Readonly<Record<string, TensorArray>>,
): ShardStatistics {
  const logprobs = outputs['logprobs']?.data as Float32Array;
  const entropy = outputs['entropy']?.data as Float32Array;
  const values = outputs['values']?.data as Float32Array | undefined;
  const clipped = new Array<number>(input.objectives).fill(0);
  let klSum = 0;
  let entropySum = 0;
  let maxLogprobGap = 0;
  for (let n = 0; n < batch.tokens; n++) {
    const gap = (logprobs[n] as number) - (input.oldLogprobs[n] as number);
    maxLogprobGap = Math.max(maxLogprobGap, Math.abs(gap));
    entropySum += entropy[n] as number;
    if (input.referenceLogprobs !== undefined) {
      klSum += klLoss(logprobs[n] as number, input.referenceLogprobs[n] as number);
    }
    const ratio = importanceRatio(logprobs[n] as number, input.oldLogprobs[n] as number);
    const row = input.advantagesPer === 'token' ? n : Number(batch.sequenceOf.data[n]);
    for (let k = 0; k < input.objectives; k++) {
      const advantage = input.advantages[row * input.objectives + k] as number;
      if (isClipped(ratio, advantage, input.clipRange)) clipped[k] = (clipped[k] as number) + 1;
    }
  }
  const heads = values === undefined ? 0 : values.length / batch.tokens;
  const valueLossSum = Array.from({ length: heads }, (_, head) => {
    let total = 0;
    for (let n = 0; n < batch.tokens; n++) {
      const at = n * heads + head;
      total += 0.5 * ((values?.[at] as number) - (input.value?.returns[at] as number)) ** 2;
    }
    return total;
  });
  return { tokens: batch.tokens, klSum, entropySum, clipped, maxLogprobGap, valueLossSum };
}
