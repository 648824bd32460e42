/**
 * What every way of combining gradients has in common: its options, and the choice of weights that it returns.
 *
 * A combiner is a pure function of the Gram matrix and its options. A new one adds an entry to {@link MethodOptions}, a
 * file with its function, and a line in the table of combine.ts; state that it needs (multipliers, running means) comes
 * in through the options as plain data.
 */

import type { Gram } from './gram.js';
import type { KktCertificate } from './minNorm.js';

/** A preference λ on the simplex where a method can do without one. */
export interface OptionalPreference {
  /** λ, length K, summing to 1. @default the same for all */
  readonly preference?: ArrayLike<number>;
}

/** In which order PCGrad projects: the exact mean over all orders (K ≤ 8), or one order drawn for this seed and step. */
export type ProjectionOrder = 'all' | { readonly seed: number; readonly step: number };

/** The options of each method, by its name. Vectors are in the order of the Gram matrix's objectives. */
export interface MethodOptions {
  /** The smallest-norm point of the gradients' convex hull: equal progress for all (theorem 3.1). */
  mgda: object;
  /** MGDA on gradients divided by the power p ≥ 0 of their norms (theorem 3.3). 0: MGDA, 1: unit gradients. */
  gapo: { readonly p: number };
  /** Unit gradients weighted by a preference λ on the simplex; with `nonConflicting`, as near to that as hurts nobody. */
  pgapo: {
    readonly preference: ArrayLike<number>;
    /** Take the nearest direction with ⟨g_i, d⟩ ≥ 0 for all i. @default false */
    readonly nonConflicting?: boolean;
  };
  /** Fixed weights ≥ 0 on the gradients, which are those of equally weighted rewards (MORLHF). Used as given. */
  linear: { readonly weights: ArrayLike<number> };
  /** One objective alone, by its index. */
  single: { readonly objective: number };
  /** One objective, with the others as constraints that have multipliers (Safe RLHF, PPO-Lagrangian). */
  lagrangian: {
    /** Index of the objective that is maximised. */
    readonly objective: number;
    /** One for each objective, ≥ 0; that of `objective` is 0. See {@link updateMultiplier}. */
    readonly multipliers: ArrayLike<number>;
  };
  /** The objective that is furthest, in units of its preference, from a point to reach; or a smooth maximum of all. */
  tchebycheff: {
    /** λ on the simplex; an objective with 0 is ignored. */
    readonly preference: ArrayLike<number>;
    /** Current value of each objective (mean reward), higher is better. */
    readonly values: ArrayLike<number>;
    /** The value of each objective to aim at, usually one that is slightly out of reach. */
    readonly reference: ArrayLike<number>;
    /** Temperature μ ≥ 0 of the maximum, in units of λ·value. @default 0, the maximum itself */
    readonly smoothing?: number;
  };
  /** Every gradient loses what conflicts with the others, one after the other; then their sum. */
  pcgrad: { readonly order: ProjectionOrder };
  /** The best worst progress within a ball around the mean gradient. */
  cagrad: {
    /** Radius of the ball in lengths of the mean gradient, c ≥ 0; convergence is proven for c < 1. @default 0.5 */
    readonly radius?: number;
  };
  /** Equal projections onto all unit gradients. */
  'imtl-g': object;
  /** The bargaining solution: each objective's weight times its progress is the same. */
  'nash-mtl': object;
  /** Gradients with the singular values of their matrix made equal, weighted by a preference. */
  'aligned-mtl': OptionalPreference;
  /** Every gradient projected onto the dual cone, then weighted. */
  upgrad: OptionalPreference;
  /** The weighted gradient, projected onto the dual cone. */
  dualproj: OptionalPreference;
  /** The combination of the mean clipped advantages that is nearest to zero. */
  pama: {
    /** Mean over the batch's tokens of each objective's advantages, negative ones taken as 0, length K. */
    readonly advantages: ArrayLike<number>;
  };
}

/** Names of the methods. */
export type Method = keyof MethodOptions;

/** Options of one method, or of any: a union told apart by `method`. */
export type CombineOptions<M extends Method = Method> = {
  [P in M]: { readonly method: P } & Readonly<MethodOptions[P]>;
}[M];

/** What a combiner decides. */
export interface Choice {
  /**
   * Simplex weights before any rescaling or projection, length K: what the method weighs the objectives with. They sum
   * to 1 and are ≥ 0, but for IMTL-G, whose weights may be negative.
   */
  readonly alpha: Float64Array;
  /** w with d = Σ w_i g_i, length K. */
  readonly weights: Float64Array;
  /** Objectives whose gradient is zero where the method needs its direction: weight 0, ascending. */
  readonly leftOut: readonly number[];
  /** Proof of optimality where the method solves a problem, null where it has none to solve. */
  readonly certificate: KktCertificate | null;
}

/** A way of combining gradients. */
export type Combiner<M extends Method> = (gram: Gram, options: CombineOptions<M>) => Choice;

/** How far from 1 a preference may sum; it is divided by its sum. */
const sumTolerance = 1e-6;

/**
 * Checks a vector of weights from a person's configuration.
 *
 * @param what how messages call it, for example `preference`
 * @returns the sum, greater than 0
 * @throws RangeError when there is not one finite number ≥ 0 for each objective, or all are 0
 */
export function checkWeights(gram: Gram, what: string, weights: ArrayLike<number>): number {
  const { names } = gram;
  checkCount(gram, what, weights);
  let sum = 0;
  names.forEach((name, i) => {
    const weight = weights[i]!;
    if (!Number.isFinite(weight) || weight < 0) {
      throw new RangeError(`${what}: the number for ${name} is ${weight}, expected a finite number of at least 0`);
    }
    sum += weight;
  });
  if (!(sum > 0 && Number.isFinite(sum))) {
    throw new RangeError(`${what}: the numbers sum to ${sum}; at least one objective needs a weight above 0`);
  }
  return sum;
}

/**
 * Checks that there is one number for each objective.
 *
 * @throws RangeError when there is not
 */
export function checkCount({ names }: Gram, what: string, numbers: ArrayLike<number>): void {
  if (numbers.length !== names.length) {
    throw new RangeError(
      `${what}: ${numbers.length} numbers for ${names.length} objectives (${names.join(', ')}); give one for each`,
    );
  }
}

/**
 * Checks that there is one finite number for each objective.
 *
 * @throws RangeError when there is not
 */
export function checkFinite(gram: Gram, what: string, numbers: ArrayLike<number>): void {
  checkCount(gram, what, numbers);
  gram.names.forEach((name, i) => {
    if (!Number.isFinite(numbers[i])) {
      throw new RangeError(`${what}: the number for ${name} is ${numbers[i]}, expected a finite number`);
    }
  });
}

/**
 * A preference on the simplex, summing to 1 up to rounding.
 *
 * @param preference as configured; undefined is the same for all
 * @throws RangeError for one that is not on the simplex
 */
export function simplexPreference(gram: Gram, preference: ArrayLike<number> | undefined): Float64Array {
  const size = gram.names.length;
  if (preference === undefined) return new Float64Array(size).fill(1 / size);
  const sum = checkWeights(gram, 'preference', preference);
  if (Math.abs(sum - 1) > sumTolerance) {
    throw new RangeError(`preference: the numbers sum to ${sum}, expected 1; divide each by their sum`);
  }
  return Float64Array.from(preference, (share) => share / sum);
}
