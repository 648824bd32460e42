/**
 * What every way of combining gradients has in common: its options, and the choice of weights that it returns.
 *
 * A combiner is a pure function of the Gram matrix and its options. A new one adds an entry to {@link MethodOptions}, a
 * file with its function, and a line in the table of combine.ts; state that it needs (multipliers, running means) comes
 * in through the options as plain data.
 */

import type { Gram } from './gram.js';
import type { KktCertificate } from './minNorm.js';

/** The options of each method, by its name. Vectors are in the order of the Gram matrix's objectives. */
export interface MethodOptions {
  /** The smallest-norm point of the gradients' convex hull: equal progress for all (theorem 3.1). */
  mgda: object;
  /** MGDA on gradients divided by the power p ≥ 0 of their norms (theorem 3.3). 0: MGDA, 1: unit gradients. */
  gapo: { readonly p: number };
  /** Unit gradients weighted by a preference λ on the simplex. */
  pgapo: { readonly preference: ArrayLike<number> };
  /** Fixed weights ≥ 0 on the gradients, which are those of equally weighted rewards (MORLHF). Used as given. */
  linear: { readonly weights: ArrayLike<number> };
  /** One objective alone, by its index. */
  single: { readonly objective: number };
}

/** Names of the methods. */
export type Method = keyof MethodOptions;

/** Options of one method, or of any: a union told apart by `method`. */
export type CombineOptions<M extends Method = Method> = {
  [P in M]: { readonly method: P } & Readonly<MethodOptions[P]>;
}[M];

/** What a combiner decides. */
export interface Choice {
  /** Simplex weights before any rescaling, length K. */
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

/**
 * Checks a vector of weights from a person's configuration.
 *
 * @param what how messages call it, for example `preference`
 * @returns the sum, greater than 0
 * @throws RangeError when there is not one finite number ≥ 0 for each objective, or all are 0
 */
export function checkWeights(gram: Gram, what: string, weights: ArrayLike<number>): number {
  const { names } = gram;
  if (weights.length !== names.length) {
    throw new RangeError(
      `${what}: ${weights.length} numbers for ${names.length} objectives (${names.join(', ')}); give one for each`,
    );
  }
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
