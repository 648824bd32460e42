/** Which completions of a step are kept for people to read: a function of the step's prompts, so that every attempt keeps the same. */
import { createHash } from 'node:crypto';
import { at } from '@gapo/numeric';
import type { SampleScoreInput } from '@gapo/rpc';
import type { Sample } from './batch.js';

/** Digits of a prompt's id. */
const idDigits = 16;

/** A completion that is kept, before its tokens are decoded. */
export interface KeptSample {
  readonly sample: Sample;
  /** See {@link promptId}. */
  readonly promptId: string;
  readonly promptText: string;
  /** One for each objective, in order. */
  readonly scores: readonly SampleScoreInput[];
  /** The one advantage of all objectives, of a method that trains on one. */
  readonly advantage: number | undefined;
  /** [tokens][objectives], or [tokens][1] of such a method; undefined where the tokens share one advantage, or it was not trained on. */
  readonly tokenAdvantages: readonly (readonly number[])[] | undefined;
  /** The preference that the policy was told with the prompt, by objective; undefined if it is told none. */
  readonly preference?: Readonly<Record<string, number>> | undefined;
}

/** The completions of a step that are kept. */
export interface StepSamples {
  readonly step: number;
  /** The version that sampled. */
  readonly version: number;
  /** Number of completions that the step sampled. */
  readonly sampled: number;
  /** Sorted by prompt, then by sample. */
  readonly kept: readonly KeptSample[];
}

/** Returns the id of a prompt, which is the same in every step and run: 16 hexadecimal digits of the SHA-256 of its token ids. */
export function promptId(tokenIds: readonly number[]): string {
  return createHash('sha256').update(Uint32Array.from(tokenIds)).digest('hex').slice(0, idDigits);
}

/** A completion's index in its step, and the id of its prompt. */
export interface ChosenSample {
  readonly index: number;
  readonly promptId: string;
}

/**
 * Chooses completions: those of the prompts with the smallest ids, prompt by prompt. A prompt that is chosen in one step is thus likely to
 * be chosen whenever it is drawn.
 *
 * @param samples sorted by prompt, then by sample
 * @param count of completions, at most
 * @returns in the order of the samples
 */
export function chosenSamples(samples: readonly Sample[], count: number): ChosenSample[] {
  const ids = new Map<number, string>();
  for (const { prompt, promptIds } of samples) if (!ids.has(prompt)) ids.set(prompt, promptId(promptIds));
  const ranked = [...ids].sort(([a, idOfA], [b, idOfB]) => (idOfA < idOfB ? -1 : idOfA > idOfB ? 1 : a - b));
  const rank = new Map(ranked.map(([prompt], place) => [prompt, place]));
  const places = samples.map(({ prompt }, index) => ({ index, promptId: ids.get(prompt) ?? '', place: rank.get(prompt) ?? NaN })); // prettier-ignore
  const chosen = places.sort((a, b) => a.place - b.place || a.index - b.index).slice(0, count);
  return chosen.sort((a, b) => a.index - b.index).map(({ index, promptId: id }) => ({ index, promptId: id }));
}

/** Returns the mean of one column of rows [start, end) of a [rows, columns] matrix. */
export function columnMean(matrix: Float32Array, columns: number, column: number, start: number, end: number): number {
  let sum = 0;
  for (let row = start; row < end; row++) sum += at(matrix, row * columns + column);
  return sum / (end - start);
}
