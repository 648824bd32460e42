/** Computes the gradients of a shard: chooses the graph with the fewest backward passes that is exact. */
import { Session, type SessionOptions, type TensorArray } from '@gapo/graph';
import {
  type DecoderModel,
  type NamedTensor,
  type TensorShape,
  type TrainableSpec,
  sizeOf,
  trainableTensors,
} from '@gapo/model';
import { type Sequence, type SequenceBatch, toBatch } from './batch.js';
import { completionFeeds, parameterFeeds, pick } from './evaluator.js';
import {
  type GradientGraphOptions,
  type GradientScope,
  gradientGraph,
  gradientNames,
  tensorsOf,
} from './gradientGraph.js';

/** The surrogate's settings and data for one shard. Token arrays run through all completion tokens, in order. */
export interface ShardInput {
  readonly sequences: readonly Sequence[];
  /** K × sequences, or K × tokens: objective by objective. */
  readonly advantages: Float32Array;
  readonly advantagesPer: 'sequence' | 'token';
  readonly objectives: number;
  readonly oldLogprobs: Float32Array;
  /** Divides every sum over tokens: the completion tokens of the whole batch. */
  readonly denominator: number;
  readonly temperature: number;
  readonly clipRange: number;
  readonly klCoefficient: number;
  /** Needed where klCoefficient is not 0. */
  readonly referenceLogprobs?: Float32Array;
  readonly entropyCoefficient: number;
  /** Which trained tensors get gradients. @default 'all' */
  readonly scope?: GradientScope;
  /** Leaves the regularisers' gradient out, whatever its coefficients. @default false */
  readonly objectivesOnly?: boolean;
  /** Needed with value heads: tokens × heads. */
  readonly value?: {
    readonly coefficient: number;
    readonly clip: number;
    readonly oldValues: Float32Array;
    readonly returns: Float32Array;
  };
}

/** Sums over a shard's tokens. */
export interface ShardStatistics {
  readonly tokens: number;
  /** Σ ½(ln π − ln π_ref)²; 0 where there is no reference. */
  readonly klSum: number;
  readonly entropySum: number;
  /** Tokens at which the clip is active, for each objective. */
  readonly clipped: readonly number[];
  /** The largest |ln π − ln π_old|. */
  readonly maxLogprobGap: number;
  /** Σ ½(V − R)² for each value head. */
  readonly valueLossSum: readonly number[];
}

/** The flat gradients of a shard, each over the scope's trained tensors in order. */
export interface ShardGradients {
  readonly objectives: readonly Float32Array[];
  /** Absent where every regulariser's coefficient is 0. */
  readonly regularizer: Float32Array | undefined;
  readonly statistics: ShardStatistics;
}

/** Holds one session for each graph that was needed; not for several runs at a time. */
export class GradientEngine {
  private readonly model: DecoderModel;
  private readonly spec: TrainableSpec;
  private readonly options: SessionOptions;
  private readonly sessions = new Map<string, Promise<Session>>();

  constructor(model: DecoderModel, spec: TrainableSpec, options: SessionOptions) {
    this.model = model;
    this.spec = spec;
    this.options = options;
  }

  /**
   * The gradients under a version. Where each sequence has one advantage, a single backward pass is tried first and
   * kept if no token turns out to be clipped; it is exact then.
   */
  async compute(version: readonly NamedTensor[], input: ShardInput): Promise<ShardGradients> {
    const batch = toBatch(input.sequences, this.model.config.context);
    checkSizes(input, batch, this.spec);
    if (input.advantagesPer === 'token') return this.pass(version, input, batch, 'token');
    const optimistic = await this.pass(version, input, batch, 'unclipped');
    if (optimistic.statistics.clipped.every((count) => count === 0)) return optimistic;
    return this.pass(version, input, batch, 'signed');
  }

  async close(): Promise<void> {
    for (const session of this.sessions.values()) await (await session).close();
    this.sessions.clear();
  }

  private async pass(
    version: readonly NamedTensor[],
    input: ShardInput,
    batch: SequenceBatch,
    passes: GradientGraphOptions['passes'],
  ): Promise<ShardGradients> {
    const scope = input.scope ?? 'all';
    const regularized =
      input.objectivesOnly !== true &&
      (input.klCoefficient !== 0 || input.entropyCoefficient !== 0 || input.value !== undefined);
    const session = await this.session({
      config: this.model.config,
      spec: this.spec,
      objectives: input.objectives,
      passes,
      clipRange: input.clipRange,
      regularized,
      kl: input.klCoefficient !== 0,
      entropy: input.entropyCoefficient !== 0,
      scope,
    });
    const outputs = await session.run(pick(shardFeeds(version, input, batch), session.inputNames));
    const trained = tensorsOf(scope, trainableTensors(this.model.config, this.spec));
    const flat = (nameOf: (name: string) => string, k: number): Float32Array => flattened(outputs, trained, nameOf, k);
    return {
      objectives: Array.from({ length: input.objectives }, (_, k) => flat(gradientNames.objectives, k)),
      regularizer: regularized ? flat(gradientNames.regularizer, 0) : undefined,
      statistics: statistics(input, batch, outputs),
    };
  }

  private session(options: GradientGraphOptions): Promise<Session> {
    const { objectives, passes, clipRange, regularized, kl, entropy, scope } = options;
    const key = [objectives, passes, clipRange, regularized, kl, entropy, scope].join();
    let session = this.sessions.get(key);
    if (session === undefined) {
      session = Session.open(gradientGraph(options, this.model.weights).toModel(), this.options);
      this.sessions.set(key, session);
    }
    return session;
  }
}

/** The k-th slice of every trained tensor's output, in order; tensors without one have gradient 0. */
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

/** Every input that any of the graphs has. */
export function shardFeeds(
  version: readonly NamedTensor[],
  input: ShardInput,
  batch: SequenceBatch,
): Readonly<Record<string, TensorArray>> {
  const { objectives, value } = input;
  const rows = input.advantages.length / objectives;
  const advantages = new Float32Array(input.advantages.length); // [rows, K]
  for (let k = 0; k < objectives; k++) {
    for (let row = 0; row < rows; row++) advantages[row * objectives + k] = input.advantages[k * rows + row] as number;
  }
  const scalar = (x: number): TensorArray => ({ data: Float32Array.of(x), dims: [] });
  const perToken = (data: Float32Array): TensorArray => ({ data, dims: [batch.tokens] });
  return {
    ...parameterFeeds(version),
    ...completionFeeds(batch, input.temperature),
    advantages: { data: advantages, dims: [rows, objectives] },
    oldLogprobs: perToken(input.oldLogprobs),
    denominator: scalar(input.denominator),
    // Without a KL term the reference has no weight, and the old log-probabilities stand in its place.
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

function checkSizes(input: ShardInput, batch: SequenceBatch, spec: TrainableSpec): void {
  const expect = (name: string, found: number, expected: number): void => {
    if (found !== expected) throw new RangeError(`${name} has ${found} elements, this shard needs ${expected}`);
  };
  const rows = input.advantagesPer === 'token' ? batch.tokens : input.sequences.length;
  expect('advantages', input.advantages.length, input.objectives * rows);
  expect('old_logprobs', input.oldLogprobs.length, batch.tokens);
  if (!(input.denominator > 0)) throw new RangeError(`denominator is ${input.denominator}; it must be above 0`);
  if (input.klCoefficient !== 0) {
    if (input.referenceLogprobs === undefined)
      throw new RangeError('kl_coefficient is not 0, so reference_logprobs is needed');
    expect('reference_logprobs', input.referenceLogprobs.length, batch.tokens);
  }
  if (input.value !== undefined) {
    expect('old_values', input.value.oldValues.length, batch.tokens * spec.valueHeads);
    expect('returns', input.value.returns.length, batch.tokens * spec.valueHeads);
  } else if (spec.valueHeads > 0) {
    throw new RangeError(`the policy has ${spec.valueHeads} value heads, so old_values and returns are needed`);
  }
}

/** Sums in float64 over the small per-token outputs. */
function statistics(
  input: ShardInput,
  batch: SequenceBatch,
  outputs: Readonly<Record<string, TensorArray>>,
): ShardStatistics {
  const logprobs = outputs['logprobs']?.data as Float32Array;
  const entropy = outputs['entropy']?.data as Float32Array;
  const values = outputs['values']?.data as Float32Array | undefined;
  const clipped = new Array<number>(input.objectives).fill(0);
  const rows = input.advantages.length / input.objectives;
  let klSum = 0;
  let entropySum = 0;
  let maxLogprobGap = 0;
  for (let n = 0; n < batch.tokens; n++) {
    const gap = (logprobs[n] as number) - (input.oldLogprobs[n] as number);
    maxLogprobGap = Math.max(maxLogprobGap, Math.abs(gap));
    entropySum += entropy[n] as number;
    if (input.referenceLogprobs !== undefined) {
      klSum += 0.5 * ((logprobs[n] as number) - (input.referenceLogprobs[n] as number)) ** 2;
    }
    const r = Math.exp(gap);
    const row = input.advantagesPer === 'token' ? n : Number(batch.sequenceOf.data[n]);
    for (let k = 0; k < input.objectives; k++) {
      const advantage = input.advantages[k * rows + row] as number;
      const active = advantage >= 0 ? r > 1 + input.clipRange : r < 1 - input.clipRange;
      if (active && advantage !== 0) clipped[k] = (clipped[k] as number) + 1;
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
