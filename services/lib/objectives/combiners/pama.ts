/** PAMA (He and Maghsudi 2025, "Pareto Multi-Objective Alignment for Language Models", arXiv 2508.07768). */

import { f64 } from '@gapo/numeric';
import type { Gram } from '../gram/gram.js';
import { checkFinite } from './checks.js';
import { defineCombiner, type Choice } from './combiner.js';

/** Options of {@link pama}. */
export interface PamaOptions {
  /** Mean over the batch's tokens of each objective's advantages, with negative ones counted as 0. Length K. */
  readonly advantages: ArrayLike<number>;
}

/**
 * MGDA with every gradient replaced by one number: A_i, the mean of the objective's advantages with negative ones counted
 * as 0 ("Noon" PPO) and clipped tokens omitted. The paper bounds ‖Σ c_i g_i‖² by a multiple of (Σ c_i A_i)² and minimises
 * that over the simplex; the least |Σ c_i A_i| is the distance of 0 from [min A, max A] (its theorem 1).
 *
 * So the objective with the smallest A_i > 0 gets all the weight. The paper leaves open which of several minimisers is
 * meant; here objectives with equal A share equally, and if signs differ, which never happens with Noon advantages,
 * positive and negative ones each share among themselves and balance each other.
 *
 * The weights do not depend on the Gram matrix: nothing is guaranteed about any single objective's progress.
 */
export const pama = defineCombiner({
  summary: 'MGDA on one number for each objective: its mean positive advantage',
  source: 'He and Maghsudi 2025, arXiv 2508.07768',
  settings: {},
  options: (_, { noonAdvantages }): PamaOptions => ({ advantages: noonAdvantages }),
  choose: choosePama,
});

/** @throws RangeError when there is not one finite number for each objective */
function choosePama(gram: Gram, { advantages }: PamaOptions): Choice {
  checkFinite(gram, 'advantages', advantages);
  const size = gram.names.length;
  const a = Float64Array.from(advantages);
  const low = a.reduce((least, value) => Math.min(least, value), Infinity);
  const high = a.reduce((most, value) => Math.max(most, value), -Infinity);
  let alpha: Float64Array;
  if (low >= 0) alpha = sharedWhere(a, (value) => value === low);
  else if (high <= 0) alpha = sharedWhere(a, (value) => value === high);
  else {
    const positive = sharedWhere(a, (value) => value > 0);
    const negative = sharedWhere(a, (value) => value < 0);
    const scale = Math.max(high, -low); // keeps the two means below from overflowing
    const meanOf = (shares: Float64Array): number => shares.reduce((sum, c, i) => sum + c * (f64(a, i) / scale), 0);
    const [above, below] = [meanOf(positive), -meanOf(negative)];
    alpha = Float64Array.from({ length: size }, (_, i) => {
      const [toPositive, toNegative] = [below / (above + below), above / (above + below)];
      return toPositive * f64(positive, i) + toNegative * f64(negative, i);
    });
  }
  return { alpha, weights: Float64Array.from(alpha), leftOut: [], certificate: null };
}

/** Equal shares, summing to 1, of the entries that are chosen. */
function sharedWhere(values: Float64Array, chosen: (value: number) => boolean): Float64Array {
  const count = values.reduce((total, value) => total + (chosen(value) ? 1 : 0), 0);
  return values.map((value) => (chosen(value) ? 1 / count : 0));
}
