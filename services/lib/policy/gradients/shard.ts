/** The inputs and statistics of a shard's gradients: selecting a part of the inputs, summing the statistics of parts. */
import { type TrainableSpec, concatenated } from '@gapo/model';
import { type Sequence, tokensOf } from '../batches/batch.js';
import type { GradientScope } from './gradientGraph.js';

/** The surrogate's settings and data for one shard. Token arrays run through all completion tokens, in order. */
export interface ShardInput {
  readonly sequences: readonly Sequence[];
  /** [sequences, K] or [tokens, K]. */
  readonly advantages: Float32Array;
  readonly advantagesPer: 'sequence' | 'token';
  /** K. */
  readonly objectives: number;
  /** [tokens]. */
  readonly oldLogprobs: Float32Array;
  /** Divides every sum over tokens: the completion tokens of the whole batch. */
  readonly denominator: number;
  readonly temperature: number;
  readonly clipRange: number;
  readonly klCoefficient: number;
  /** [tokens]; required if klCoefficient is not 0. */
  readonly referenceLogprobs?: Float32Array;
  readonly entropyCoefficient: number;
  /** Which trained tensors get gradients. @default 'all' */
  readonly scope?: GradientScope;
  /** Omits the regularizer's gradient, whatever its coefficients. @default false */
  readonly objectivesOnly?: boolean;
  /** Required with value heads. */
  readonly value?: {
    readonly coefficient: number;
    readonly clip: number;
    /** [tokens, heads]. */
    readonly oldValues: Float32Array;
    /** [tokens, heads]. */
    readonly returns: Float32Array;
  };
}

/** Sums over a shard's tokens. */
export interface ShardStatistics {
  readonly tokens: number;
  /** Σ ½(ln π − ln π_ref)²; 0 if there is no reference. */
  readonly klSum: number;
  readonly entropySum: number;
  /** Tokens at which the clip is active, for each objective. */
  readonly clipped: readonly number[];
  /** The largest |ln π − ln π_old|. */
  readonly maxLogprobGap: number;
  /** Σ ½(V − R)² for each value head. */
  readonly valueLossSum: readonly number[];
}

/** Selects some of a shard's sequences. */
export function partOf(input: ShardInput, indices: readonly number[]): ShardInput {
  const starts: number[] = [];
  let tokens = 0;
  for (const { completionIds } of input.sequences) {
    starts.push(tokens);
    tokens += completionIds.length;
  }
  /** The chosen sequences' part of an array with `width` numbers per token. */
  const ofTokens = (all: Float32Array, width = 1): Float32Array =>
    concatenated(
      indices.map((index) => {
        const { completionIds } = input.sequences[index] as Sequence;
        const start = (starts[index] as number) * width;
        return all.subarray(start, start + completionIds.length * width);
      }),
    );
  const { advantages, objectives, referenceLogprobs, value } = input;
  const ofSequences = (all: Float32Array, width: number): Float32Array =>
    concatenated(indices.map((index) => all.subarray(index * width, (index + 1) * width)));
  return {
    ...input,
    sequences: indices.map((index) => input.sequences[index] as Sequence),
    advantages: (input.advantagesPer === 'token' ? ofTokens : ofSequences)(advantages, objectives),
    oldLogprobs: ofTokens(input.oldLogprobs),
    ...(referenceLogprobs === undefined ? {} : { referenceLogprobs: ofTokens(referenceLogprobs) }),
    ...(value === undefined
      ? {}
      : {
          value: {
            ...value,
            oldValues: ofTokens(value.oldValues, value.oldValues.length / tokens),
            returns: ofTokens(value.returns, value.returns.length / tokens),
          },
        }),
  };
}

/** Sums the statistics of parts. */
export function addStatistics(parts: readonly ShardStatistics[]): ShardStatistics {
  const sum = (of: (part: ShardStatistics) => number): number => parts.reduce((total, part) => total + of(part), 0);
  const each = (of: (part: ShardStatistics) => readonly number[]): readonly number[] =>
    (parts[0] === undefined ? [] : of(parts[0])).map((_, index) => sum((part) => of(part)[index] as number));
  return {
    tokens: sum(({ tokens }) => tokens),
    klSum: sum(({ klSum }) => klSum),
    entropySum: sum(({ entropySum }) => entropySum),
    clipped: each(({ clipped }) => clipped),
    maxLogprobGap: Math.max(...parts.map(({ maxLogprobGap }) => maxLogprobGap)),
    valueLossSum: each(({ valueLossSum }) => valueLossSum),
  };
}

/**
 * Checks a shard.
 *
 * @throws RangeError if an array does not have the shard's size, or a required input is missing
 */
export function checkShard(input: ShardInput, spec: TrainableSpec): void {
  const tokens = tokensOf(input.sequences);
  const expect = (name: string, found: number, expected: number): void => {
    if (found !== expected) throw new RangeError(`${name} has ${found} elements, this shard needs ${expected}`);
  };
  const rows = input.advantagesPer === 'token' ? tokens : input.sequences.length;
  expect('advantages', input.advantages.length, rows * input.objectives);
  expect('old_logprobs', input.oldLogprobs.length, tokens);
  if (!(input.denominator > 0)) throw new RangeError(`denominator is ${input.denominator}; it must be above 0`);
  if (input.klCoefficient !== 0) {
    if (input.referenceLogprobs === undefined)
      throw new RangeError('kl_coefficient is not 0, so reference_logprobs is required');
    expect('reference_logprobs', input.referenceLogprobs.length, tokens);
  }
  if (input.value !== undefined) {
    expect('old_values', input.value.oldValues.length, tokens * spec.valueHeads);
    expect('returns', input.value.returns.length, tokens * spec.valueHeads);
  } else if (spec.valueHeads > 0) {
    throw new RangeError(`the policy has ${spec.valueHeads} value heads, so old_values and returns are required`);
  }
}
