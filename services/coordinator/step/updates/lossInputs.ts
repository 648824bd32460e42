/** Inputs and coefficients of the loss of an update with K objectives, for every algorithm. */
import { at } from '@gapo/numeric';
import type { LossSpecInput } from '@gapo/rpc';
import { columnOf, type Batch } from '../../data/batch.js';

/** The advantages of the surrogate loss, and the critics' targets. */
export interface LearningSignal {
  /** Whether each token has its own advantages. */
  readonly perToken: boolean;
  /** [tokens, K] if perToken, otherwise [completions, K]. */
  readonly advantages: Float64Array;
  /** The critics' targets, [tokens, K]; undefined without critics. */
  readonly returns: Float32Array | undefined;
  /** The single advantage for all objectives, [tokens] or [completions], if the method trains on one. */
  readonly scalar?: Float64Array;
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

/** The coefficients of the loss, the same for all updates of a step. */
export type LossSettings = Omit<LossSpecInput, 'objectives' | 'denominator'>;

/** Temperature of the log-probabilities of sequences that were not sampled. */
export const unitTemperature = 1;

/** Returns the coefficients of a loss that is the surrogate alone, for sequences that were not sampled. */
export function surrogateAlone(clipRange: number): LossSettings {
  const temperature = unitTemperature;
  return { clipRange, temperature, klCoefficient: 0, entropyCoefficient: 0, valueCoefficient: 0, valueClip: 0 };
}

/**
 * Returns each objective's mean advantage over the batch's tokens, with negative advantages set to 0 (NoonPAMA).
 *
 * @param signal of the batch
 * @param objectives K
 */
export function noonAdvantages({ perToken, advantages }: LearningSignal, objectives: number, batch: Batch): number[] {
  return Array.from({ length: objectives }, (_, k) => {
    const gains = columnOf(advantages, objectives, k).map((advantage) => Math.max(0, advantage));
    return gains.reduce((sum, gain, row) => sum + gain * (perToken ? 1 : at(batch.lengths, row)), 0) / batch.tokens;
  });
}

/** Returns advantages [rows, K] with a further column [rows] appended: [rows, K + 1]. */
export function withColumn(advantages: Float64Array, column: Float64Array): Float64Array {
  const count = advantages.length / column.length;
  const all = new Float64Array(column.length * (count + 1));
  for (let row = 0; row < column.length; row++) {
    all.set(advantages.subarray(row * count, (row + 1) * count), row * (count + 1));
    all[row * (count + 1) + count] = at(column, row);
  }
  return all;
}

/** Returns Σ w_k A_k of advantages [rows, K], summed in the order of the objectives: [rows]. */
export function weightedAdvantages(advantages: Float64Array, weights: ArrayLike<number>): Float64Array {
  const count = weights.length;
  return Float64Array.from({ length: advantages.length / count }, (_, row) => {
    let sum = 0;
    for (let k = 0; k < count; k++) sum += at(weights, k) * at(advantages, row * count + k);
    return sum;
  });
}
