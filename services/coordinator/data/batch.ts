/** The completions of a step: their order, their shards, and flat arrays over their tokens. */
import type { TokenSequence } from '@gapo/model';
import { at } from '@gapo/numeric';

/** A completion of one of the step's prompts. */
export interface Sample {
  /** Index of its prompt in the step. */
  readonly prompt: number;
  /** Index among the completions of that prompt. */
  readonly sample: number;
  readonly promptIds: readonly number[];
  /** At least one token; includes the end-of-sequence token. */
  readonly tokenIds: readonly number[];
  /** Log-probability of each token under the policy that sampled it, before truncation and repetition penalties. */
  readonly logprobs: Float32Array;
  /** Whether it ended with an end-of-sequence token or a stop string. */
  readonly finished: boolean;
}

/** Consecutive half-open ranges [start, end). */
export type Ranges = readonly (readonly [start: number, end: number])[];

/** Consecutive samples that one worker processes. */
export interface Shard {
  /** Index among the step's shards. */
  readonly number: number;
  /** Its samples are [start, end) of the batch. */
  readonly start: number;
  readonly end: number;
  /** Its completion tokens are [firstToken, lastToken) of the batch. */
  readonly firstToken: number;
  readonly lastToken: number;
}

/** The completions of a step, sorted by prompt, then by sample. */
export interface Batch {
  readonly samples: readonly Sample[];
  readonly shards: readonly Shard[];
  /** Number of completion tokens. */
  readonly tokens: number;
  /** Number of tokens of each completion, [completions]. */
  readonly lengths: Uint32Array;
  /** Log-probabilities under the sampling policy, [tokens]. */
  readonly logprobs: Float32Array;
}

/** Returns a sample for a sequence from a data set. It has no log-probabilities yet: they are 0. */
export function givenSample({ promptIds, completionIds }: TokenSequence, prompt: number, sample: number): Sample {
  const logprobs = new Float32Array(completionIds.length);
  return { prompt, sample, promptIds, tokenIds: completionIds, logprobs, finished: true };
}

/** Splits [0, count) into ranges whose sizes differ by at most one. */
export function splitEvenly(count: number, ranges: number): Ranges {
  return Array.from({ length: ranges }, (_, i) => [
    Math.floor((i * count) / ranges),
    Math.floor(((i + 1) * count) / ranges),
  ]);
}

/**
 * Creates a batch. It omits shards without samples.
 *
 * @param samples sorted by prompt, then by sample
 * @param bounds the prompts of each shard
 */
export function createBatch(samples: readonly Sample[], bounds: Ranges): Batch {
  const lengths = Uint32Array.from(samples, ({ tokenIds }) => tokenIds.length);
  const tokens = lengths.reduce((total, length) => total + length, 0);
  const logprobs = new Float32Array(tokens);
  const shards: Shard[] = [];
  let [end, lastToken] = [0, 0];
  bounds.forEach(([, lastPrompt], number) => {
    const [start, firstToken] = [end, lastToken];
    for (let sample = samples[end]; sample !== undefined && sample.prompt < lastPrompt; sample = samples[end]) {
      logprobs.set(sample.logprobs, lastToken);
      lastToken += sample.tokenIds.length;
      end++;
    }
    if (end > start) shards.push({ number, start, end, firstToken, lastToken });
  });
  return { samples, shards, tokens, lengths, logprobs };
}

/** Returns the sequences of a shard, in the form that the gradient service takes. */
export function sequencesOf(batch: Batch, { start, end }: Shard): { promptIds: number[]; completionIds: number[] }[] {
  return batch.samples
    .slice(start, end)
    .map(({ promptIds, tokenIds }) => ({ promptIds: [...promptIds], completionIds: [...tokenIds] }));
}

/** Returns the indices of the tokens of the given completions. */
export function tokenIndices({ lengths }: Batch, completions: readonly number[]): readonly number[] {
  let tokens = 0;
  const first = lengths.map((length) => (tokens += length) - length);
  return completions.flatMap((i) => Array.from({ length: at(lengths, i) }, (_, t) => at(first, i) + t));
}

/**
 * Copies rows of a matrix, in the given order.
 *
 * @param values [rows, stride]
 */
export function pickRows<T extends Float32Array | Float64Array>(values: T, stride: number, rows: readonly number[]): T {
  const length = rows.length * stride;
  const result = (values instanceof Float32Array ? new Float32Array(length) : new Float64Array(length)) as T;
  rows.forEach((row, i) => result.set(values.subarray(row * stride, (row + 1) * stride), i * stride));
  return result;
}

/** Returns one column of a [rows, stride] matrix in float64. */
export function columnOf(matrix: ArrayLike<number>, stride: number, column: number): Float64Array {
  return Float64Array.from({ length: matrix.length / stride }, (_, row) => at(matrix, row * stride + column));
}

/** Writes one column of a [rows, stride] matrix. */
export function setColumn(
  matrix: Float32Array | Float64Array,
  stride: number,
  column: number,
  values: ArrayLike<number>,
): void {
  for (let row = 0; row < values.length; row++) matrix[row * stride + column] = at(values, row);
}

/**
 * Copies one column of a flat [tokens, stride] matrix into zero-padded rows, one per completion.
 *
 * @param offset index of the column
 * @returns [completions, width]
 */
export function padded(
  flat: ArrayLike<number>,
  lengths: Uint32Array,
  width: number,
  stride = 1,
  offset = 0,
): Float64Array {
  const rows = new Float64Array(lengths.length * width);
  let token = 0;
  lengths.forEach((length, row) => {
    for (let t = 0; t < length; t++) rows[row * width + t] = at(flat, stride * token++ + offset);
  });
  return rows;
}

/** Copies padded rows [completions, width] without the padding into column `offset` of a flat [tokens, stride] matrix. */
export function unpad(
  rows: ArrayLike<number>,
  lengths: Uint32Array,
  width: number,
  into: Float32Array | Float64Array,
  stride = 1,
  offset = 0,
): void {
  let token = 0;
  lengths.forEach((length, row) => {
    for (let t = 0; t < length; t++) into[stride * token++ + offset] = at(rows, row * width + t);
  });
}

/** Returns the prompt of each completion, by which baselines compare completions. */
export function groupsOf({ samples }: Pick<Batch, 'samples'>): number[] {
  return samples.map(({ prompt }) => prompt);
}

/**
 * Sums over the tokens of each completion.
 *
 * @param flat [tokens]
 * @returns [completions]
 */
export function sumsOf(flat: ArrayLike<number>, lengths: Uint32Array): Float64Array {
  let token = 0;
  return Float64Array.from(lengths, (length) => {
    let sum = 0;
    for (let t = 0; t < length; t++) sum += at(flat, token++);
    return sum;
  });
}
