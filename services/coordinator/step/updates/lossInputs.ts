/** What the gradients of an update are computed from, whatever the algorithm; K objectives. */
import { at } from '@gapo/numeric';
import type { LossSpecInput } from '@gapo/rpc';
import type { Batch } from '../../data/batch.js';

/** The advantages of the surrogate loss, and the critics' targets. */
export interface LearningSignal {
  /** Whether advantages differ from token to token. */
  readonly perToken: boolean;
  /** [K, tokens] where perToken, else [K, completions]. */
  readonly advantages: Float32Array;
  /** The critics' targets, [tokens, K]; undefined without critics. */
  readonly returns: Float32Array | undefined;
}

/** The inputs of the loss. */
export interface LossInputs {
  readonly batch: Batch;
  readonly signal: LearningSignal;
  /** [tokens]; undefined without a KL loss. */
  readonly referenceLogprobs: Float32Array | undefined;
  /** The critics' values, [tokens, K]; undefined without critics. */
  readonly oldValues: Float32Array | undefined;
  /** Divides every sum over tokens. */
  readonly denominator: number;
}

/** The coefficients of the loss: the same for all updates of a step. */
export type LossSettings = Omit<LossSpecInput, 'objectives' | 'denominator'>;

/** The coefficients of a loss that has only the surrogate's gradient. */
export function surrogateAlone(clipRange: number, temperature: number): LossSettings {
  return { clipRange, temperature, klCoefficient: 0, entropyCoefficient: 0, valueCoefficient: 0, valueClip: 0 };
}

/**
 * Returns the mean over the batch's tokens of each objective's advantages, with negative ones taken as 0 (NoonPAMA).
 *
 * @param count K
 */
export function noonAdvantages({ perToken, advantages }: LearningSignal, count: number, batch: Batch): number[] {
  const width = advantages.length / count;
  return Array.from({ length: count }, (_, k) => {
    let sum = 0;
    advantages.subarray(k * width, (k + 1) * width).forEach((advantage, i) => {
      sum += Math.max(0, advantage) * (perToken ? 1 : at(batch.lengths, i));
    });
    return sum / batch.tokens;
  });
}

/** Returns Σ w_k A_k, summed in float64 in the order of the objectives: one row instead of K. */
export function weightedAdvantages(advantages: Float32Array, weights: ArrayLike<number>): Float32Array {
  const width = advantages.length / weights.length;
  return Float32Array.from({ length: width }, (_, i) => {
    let sum = 0;
    for (let k = 0; k < weights.length; k++) sum += at(weights, k) * at(advantages, k * width + i);
    return sum;
  });
}
