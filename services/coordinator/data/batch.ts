/** A step's completions: their order, their shards, and the flat arrays over them that services take. */

/** One completion of a drawn prompt. */
export interface Sample {
  /** Place of its prompt among the step's prompts. */
  readonly prompt: number;
  /** Which completion of that prompt, from 0. */
  readonly sample: number;
  readonly promptIds: readonly number[];
  /** At least one token, the one that ended it included. */
  readonly tokenIds: readonly number[];
  /** Log-probability of each token under the policy that drew it, whatever sampling options cut or penalised. */
  readonly logprobs: Float32Array;
  /** Whether it ended with an end-of-sequence token or a stop string. */
  readonly finished: boolean;
}

/** Consecutive samples that are computed in one piece. */
export interface Shard {
  /** Its number among the step's shards, from 0. */
  readonly number: number;
  /** Its samples are [start, end) of the batch's. */
  readonly start: number;
  readonly end: number;
  /** Its completion tokens are [firstToken, lastToken) of the batch's. */
  readonly firstToken: number;
  readonly lastToken: number;
}

/** A step's completions in their one order: by prompt, then by sample. */
export interface Batch {
  readonly samples: readonly Sample[];
  readonly shards: readonly Shard[];
  /** Completion tokens. */
  readonly tokens: number;
  /** Tokens of each completion. */
  readonly lengths: Uint32Array;
  /** Log-probabilities under the sampling policy, [tokens]. */
  readonly logprobs: Float32Array;
}

/**
 * A batch of samples that are sorted by prompt, then by sample. Shards without samples are left out.
 *
 * @param bounds the prompts [start, end) of each shard
 */
export function createBatch(samples: readonly Sample[], bounds: readonly (readonly [number, number])[]): Batch {
  const lengths = Uint32Array.from(samples, ({ tokenIds }) => tokenIds.length);
  const tokens = lengths.reduce((total, length) => total + length, 0);
  const logprobs = new Float32Array(tokens);
  const firstTokens: number[] = [];
  let offset = 0;
  for (const sample of samples) {
    firstTokens.push(offset);
    logprobs.set(sample.logprobs, offset);
    offset += sample.tokenIds.length;
  }
  firstTokens.push(offset);
  const shards: Shard[] = [];
  let start = 0;
  bounds.forEach(([, lastPrompt], number) => {
    let end = start;
    while (end < samples.length && samples[end]!.prompt < lastPrompt) end++;
    if (end > start) {
      shards.push({ number, start, end, firstToken: firstTokens[start]!, lastToken: firstTokens[end]! });
    }
    start = end;
  });
  return { samples, shards, tokens, lengths, logprobs };
}

/** The sequences of a shard, as the gradient service takes them. */
export function sequencesOf(batch: Batch, { start, end }: Shard): { promptIds: number[]; completionIds: number[] }[] {
  return batch.samples
    .slice(start, end)
    .map(({ promptIds, tokenIds }) => ({ promptIds: [...promptIds], completionIds: [...tokenIds] }));
}

/** The tokens of some completions, by their places among the batch's. */
export function tokensOf({ lengths }: Batch, places: readonly number[]): readonly number[] {
  const first = new Uint32Array(lengths.length);
  for (let i = 1; i < lengths.length; i++) first[i] = first[i - 1]! + lengths[i - 1]!;
  return places.flatMap((at) => Array.from({ length: lengths[at]! }, (_, t) => first[at]! + t));
}

/** Some rows of [rows, stride], in the order that is asked for. */
export function picked(values: Float32Array, stride: number, rows: readonly number[]): Float32Array {
  const result = new Float32Array(rows.length * stride);
  rows.forEach((row, i) => result.set(values.subarray(row * stride, (row + 1) * stride), i * stride));
  return result;
}

/**
 * Columns [start, end) of each row, as an array of their own.
 *
 * @param rows [count, width], row-major
 */
export function columns(rows: Float32Array, count: number, start: number, end: number): Float32Array {
  const width = rows.length / count;
  const piece = new Float32Array(count * (end - start));
  for (let row = 0; row < count; row++) {
    piece.set(rows.subarray(row * width + start, row * width + end), row * (end - start));
  }
  return piece;
}

/**
 * Flat numbers over tokens as padded rows, one for each completion.
 *
 * @param stride numbers of each token, of which number `offset` is taken. @default 1
 * @returns [completions, width], float64, 0 from each length on
 */
export function padded(
  flat: ArrayLike<number>,
  lengths: ArrayLike<number>,
  width: number,
  stride = 1,
  offset = 0,
): Float64Array {
  const rows = new Float64Array(lengths.length * width);
  let token = 0;
  for (let row = 0; row < lengths.length; row++) {
    for (let t = 0; t < lengths[row]!; t++) rows[row * width + t] = flat[stride * token++ + offset]!;
  }
  return rows;
}

/** The real numbers of padded rows, written to every `stride`-th place of `into` from `offset` on. */
export function unpad(
  rows: ArrayLike<number>,
  lengths: ArrayLike<number>,
  width: number,
  into: Float32Array,
  stride = 1,
  offset = 0,
): void {
  let token = 0;
  for (let row = 0; row < lengths.length; row++) {
    for (let t = 0; t < lengths[row]!; t++) into[stride * token++ + offset] = rows[row * width + t]!;
  }
}

/** The sum over each completion's tokens. */
export function sumsOf(flat: ArrayLike<number>, lengths: ArrayLike<number>): Float64Array {
  const sums = new Float64Array(lengths.length);
  let token = 0;
  for (let row = 0; row < lengths.length; row++) {
    for (let t = 0; t < lengths[row]!; t++) sums[row]! += flat[token++]!;
  }
  return sums;
}
