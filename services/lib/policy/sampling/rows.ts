/** The completions being sampled: their feeds, and what happens to the tokens that the graph draws. */
import { type TensorArray, int64 } from '@gapo/graph';
import type { DecoderConfig } from '@gapo/model';
import { fillUniforms } from '@gapo/numeric';
import type { SamplingOptions, SamplingPrompt } from './options.js';

/** One completion. */
export interface SampledCompletion {
  /** Index in the list of prompts. */
  readonly prompt: number;
  readonly sample: number;
  /** Includes the token that ended it: an end-of-sequence token, or the one that completed a stop string. */
  readonly ids: readonly number[];
  /**
   * ln of each token's probability in softmax(logits / temperature), or softmax(logits) at temperature 0. This is the
   * policy's own distribution, regardless of the other options, and the one that the trainer computes.
   */
  readonly logprobs: Float32Array;
  /** ln of each token's probability in the distribution it was drawn from; absent if that is the policy's. */
  readonly drawnLogprobs?: Float32Array;
  readonly finishReason: FinishReason;
}

/** Why a completion ended: an end-of-sequence token, a stop string, or its length limit. */
export type FinishReason = 'stop' | 'stopString' | 'length';

/** Decodes token ids as text. */
export type TokenDecoder = (ids: readonly number[]) => Promise<string>;

/** The tokens of a completion that may have to be cut earlier. */
export interface Ending {
  readonly ids: number[];
  readonly logprobs: number[];
  readonly drawnLogprobs: number[];
  finished: FinishReason | undefined;
}

/** An unfinished completion. */
export interface Row extends Ending {
  readonly prompt: number;
  readonly sample: number;
  /** Maximum number of tokens. */
  readonly limit: number;
}

/** Every sample of every prompt, in the order in which they start. */
export function startRows(
  { context }: DecoderConfig,
  prompts: readonly SamplingPrompt[],
  { samplesPerPrompt, maxNewTokens }: SamplingOptions,
): Row[] {
  return prompts.flatMap(({ ids }, prompt) =>
    Array.from({ length: samplesPerPrompt }, (_, sample) => ({
      prompt,
      sample,
      limit: Math.min(maxNewTokens, context - ids.length),
      ids: [],
      logprobs: [],
      drawnLogprobs: [],
      finished: undefined,
    })),
  );
}

/** The number of a row's positions in the cache: all except its last token's. */
export function cachedPositions({ prompt, ids }: Row, prompts: readonly SamplingPrompt[]): number {
  return promptOf(prompt, prompts).ids.length + ids.length - 1;
}

/** The feeds that describe the rows. `positions` is the cache's extent. */
export function rowFeeds(
  rows: readonly Row[],
  prompts: readonly SamplingPrompt[],
  options: SamplingOptions,
  steps: number,
  positions: number,
  vocabulary: number,
): Readonly<Record<string, TensorArray>> {
  const count = rows.length;
  const pastPositions = new BigInt64Array(count * positions).fill(-1n);
  const uniforms = new Float32Array(steps * count);
  const own = new Float32Array(steps);
  rows.forEach((row, r) => {
    for (let p = cachedPositions(row, prompts) - 1; p >= 0; p--) pastPositions[r * positions + p] = BigInt(p);
    fillUniforms(own, options.seed, options.step, promptOf(row.prompt, prompts).index, row.sample, row.ids.length);
    for (let s = 0; s < steps; s++) uniforms[s * count + r] = own[s] as number;
  });
  const token = rows.map(({ prompt, ids }) => (ids.at(-1) ?? promptOf(prompt, prompts).ids.at(-1)) as number);
  const { temperature, topK = 0, topP = 1, minP = 0, repetitionPenalty = 1 } = options;
  const scalar = (value: number): TensorArray => ({ data: Float32Array.of(value), dims: [] });
  return {
    pastPositions: { data: pastPositions, dims: [count, positions] },
    token: { data: int64(token), dims: [count] },
    position: { data: int64(rows.map((row) => cachedPositions(row, prompts))), dims: [count] },
    steps: { data: int64([steps]), dims: [] },
    inverseTemperature: scalar(temperature === 0 ? 1 : 1 / temperature),
    uniforms: { data: uniforms, dims: [steps, count, 1] },
    rowNumbers: { data: int64(rows.map((_, r) => r)), dims: [count, 1] },
    topK: { data: int64([Math.min(topK, vocabulary)]), dims: [1] },
    topP: scalar(topP),
    minP: scalar(minP),
    repetitionPenalty: scalar(repetitionPenalty),
  };
}

/** bool [R, V]: the tokens of each row's prompt and completion. */
export function seenTokens(rows: readonly Row[], prompts: readonly SamplingPrompt[], vocabulary: number): TensorArray {
  const data = new Uint8Array(rows.length * vocabulary);
  rows.forEach(({ prompt, ids }, r) => {
    for (const id of [...promptOf(prompt, prompts).ids, ...ids]) data[r * vocabulary + id] = 1;
  });
  return { data, dims: [rows.length, vocabulary] };
}

/** Appends a stretch's tokens to the rows, each up to its end. */
export function advance(
  rows: readonly Row[],
  outputs: Readonly<Record<string, TensorArray>>,
  { eosIds }: DecoderConfig,
): void {
  const { data: tokens, dims } = outputs['tokens'] as TensorArray<BigInt64Array>;
  const logprobs = outputs['logprobs']?.data as Float32Array;
  const drawnLogprobs = outputs['drawnLogprobs']?.data as Float32Array | undefined;
  const [drawn, count] = dims as readonly [number, number];
  rows.forEach((row, r) => {
    for (let s = 0; s < drawn && row.finished === undefined; s++) {
      const at = s * count + r;
      row.ids.push(Number(tokens[at]));
      row.logprobs.push(logprobs[at] as number);
      if (drawnLogprobs !== undefined) row.drawnLogprobs.push(drawnLogprobs[at] as number);
      if (eosIds.includes(Number(tokens[at]))) row.finished = 'stop';
      else if (row.ids.length >= row.limit) row.finished = 'length';
    }
  });
}

/**
 * Ends a row at the first token that completes a stop string, if any. Compares texts, not tokens, because a stop string may
 * begin and end in the middle of a token. The first `checked` tokens are known to complete none.
 */
export async function endAtStop(
  row: Ending,
  stop: readonly string[],
  checked: number,
  decode: TokenDecoder,
): Promise<void> {
  const completes = async (count: number): Promise<boolean> => {
    const text = await decode(row.ids.slice(0, count));
    return stop.some((one) => text.includes(one));
  };
  if (row.ids.length === checked || !(await completes(row.ids.length))) return;
  const drawn = row.ids.length;
  let count = checked + 1;
  while (!(await completes(count))) count++;
  row.ids.length = count;
  row.logprobs.length = count;
  row.drawnLogprobs.length = Math.min(row.drawnLogprobs.length, count);
  if (row.finished !== 'stop' || count < drawn) row.finished = 'stopString';
}

/** Converts a finished row. `greedy`: each token was the only one that could be drawn. */
export function toCompletion(row: Row, greedy: boolean): SampledCompletion {
  const { prompt, sample, ids, logprobs, drawnLogprobs, finished } = row;
  const drawn = greedy ? new Float32Array(ids.length) : Float32Array.from(drawnLogprobs);
  return {
    prompt,
    sample,
    ids,
    logprobs: Float32Array.from(logprobs),
    ...(drawn.length > 0 && { drawnLogprobs: drawn }),
    finishReason: finished ?? 'length',
  };
}

function promptOf(prompt: number, prompts: readonly SamplingPrompt[]): SamplingPrompt {
  return prompts[prompt] as SamplingPrompt;
}
