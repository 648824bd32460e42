/**
 * Which completions of a step are stored for people to read: a function of the step's prompts, so that every attempt keeps the same ones.
 */
import { createHash } from 'node:crypto';
import { at } from '@gapo/numeric';
import type { SampleScoreInput } from '@gapo/rpc';
import type { Sample } from './batch.js';

/** Digits of a prompt's id. */
const idDigits = 16;

/** A completion to store, before its tokens are decoded. */
export interface KeptSample {
  readonly sample: Sample;
  /** See {@link promptId}. */
  readonly promptId: string;
  readonly promptText: string;
  /** One for each objective, in order. */
  readonly scores: readonly SampleScoreInput[];
  /** The single advantage for all objectives, if the method trains on one. */
  readonly advantage: number | undefined;
  /**
   * [tokens][objectives], or [tokens][1] for such a method; undefined if the tokens share one advantage, or the step did not train on the
   * completion.
   */
  readonly tokenAdvantages: readonly (readonly number[])[] | undefined;
  /** The preference stated in the prompt, by objective; undefined if the policy is not conditioned on one. */
  readonly preference?: Readonly<Record<string, number>> | undefined;
}

/** The completions of a step to store. */
export interface StepSamples {
  readonly step: number;
  /** The version that sampled. */
  readonly version: number;
  /** Number of completions that the step sampled. */
  readonly sampled: number;
  /** Sorted by prompt, then by sample. */
  readonly kept: readonly KeptSample[];
}

/** Returns the id of a prompt: 16 hexadecimal digits of the SHA-256 of its token ids, the same in every step and run. */
export function promptId(tokenIds: readonly number[]): string {
  return createHash('sha256').update(Uint32Array.from(tokenIds)).digest('hex').slice(0, idDigits);
}

/** A completion's index in its step, and the id of its prompt. */
export interface ChosenSample {
  readonly index: number;
  readonly promptId: string;
}

/**
 * Chooses completions of the prompts with the smallest ids, prompt by prompt. A prompt chosen in one step is therefore likely to be chosen
 * whenever it is drawn.
 *
 * @param samples sorted by prompt, then by sample
 * @param count maximum number of completions
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
export function columnMean(matrix: Float64Array, columns: number, column: number, start: number, end: number): number {
  let sum = 0;
  for (let row = start; row < end; row++) sum += at(matrix, row * columns + column);
  return sum / (end - start);
}
