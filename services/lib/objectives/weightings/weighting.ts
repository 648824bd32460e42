/**
 * A weighting: a rule that adapts the preference or weights of a run while it trains. It multiplies the configured numbers by
 * factors, so it works with every combiner that they steer. To add one, write a file like those next to this one and add a line
 * to registry.ts.
 */

import type { z } from 'zod';
import type { Refuse, Settings } from '../combiners/combiner.js';
import type { Memory } from '../combiners/memory.js';
import type { Gram } from '../gram/gram.js';

/** The inputs of a weighting from a step's rewards: N completions, K objectives. */
export interface RewardsOfStep {
  /** K arrays, [N], after `objectives[].scale`. */
  readonly rewards: readonly ArrayLike<number>[];
  /** For each completion, which prompt it answers, [N]. */
  readonly groups: ArrayLike<number>;
  /** The advantage that the step would train on, Σ w_k A_k with the current weights, one per completion, [N]. */
  readonly signal: ArrayLike<number>;
}

/** The factors of a step. */
export interface Factors {
  /** Multiply the configured numbers, ≥ 0, length K. */
  readonly factors: readonly number[];
  /** The weighting's memory. */
  readonly memory: Memory;
}

/** A weighting. S are its settings. */
export interface Weighting<S extends z.ZodRawShape = z.ZodRawShape> {
  /** The rule in one line, for tables. */
  readonly summary: string;
  /** The paper it comes from. */
  readonly source: string;
  /** The keys that it takes in `combine.weighting`. */
  readonly settings: S;
  /** Why objectives cannot be added or removed while a run trains; absent if they can. */
  readonly objectivesFixed?: string;
  /** Checks the settings against the objectives' names. */
  check?(settings: Settings<S>, names: readonly string[], refuse: Refuse): void;
  /** The memory before the first step. @default empty */
  initialMemory?(settings: Settings<S>, names: readonly string[]): Memory;
  /** The factors of a step, from its rewards. A weighting has this or `fromGradients`. */
  fromRewards?(settings: Settings<S>, memory: Memory, names: readonly string[], step: RewardsOfStep): Factors;
  /**
   * The factors of an update, from its gradients.
   *
   * @param weights the configured numbers, length K
   */
  fromGradients?(settings: Settings<S>, memory: Memory, gram: Gram, weights: ArrayLike<number>): Factors;
}

/** Declares a weighting, with its types inferred. */
export function defineWeighting<const S extends z.ZodRawShape>(weighting: Weighting<S>): Weighting<S> {
  return weighting;
}

/**
 * Applies factors to weights.
 *
 * @returns w_k · factor_k; the weights themselves if the factors would make them all 0
 */
export function weighted(weights: Float64Array, factors: readonly number[] | undefined): Float64Array {
  if (factors === undefined || factors.length !== weights.length) return weights;
  const product = weights.map((weight, k) => weight * (factors[k] ?? 1));
  return product.some((weight) => weight > 0) ? product : weights;
}
