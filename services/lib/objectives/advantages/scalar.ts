/**
 * A single advantage for all objectives, for methods that train on one: MORLHF, which weights rewards, and GDPO, which
 * normalises advantages first and then weights them.
 */

import { at, f64 } from '@gapo/numeric';
import { groupStdFloor, stdFloor, whiten } from './advantages.js';
import { rowsOfGroups } from './groups.js';
import type { TokenLayout } from './tokens.js';

/** The inputs of the single advantage: K objectives, R rows (completions, or padded tokens). */
export interface ScalarInput {
  /** K arrays with the advantages of one objective each, [R]. */
  readonly columns: readonly Float64Array[];
  /** w ≥ 0, length K. */
  readonly weights: ArrayLike<number>;
  /**
   * Divides the sum by its standard deviation over the completions of a prompt, which is how GRPO normalises one reward:
   * for each row, which prompt it answers, and what its variance is divided by. Columns must have mean 0 in each prompt.
   *
   * @default not divided
   */
  readonly normalizeWithin?: { readonly groups: ArrayLike<number>; readonly deviation: 'population' | 'sample' };
  /** Whether to normalise to mean 0 and deviation 1 over the batch. */
  readonly whiten: boolean;
  /** Per-token advantages: what counts of each row. @default rows are completions */
  readonly layout?: TokenLayout;
  /** The completions to include; the others get advantage 0. @default all */
  readonly kept?: readonly boolean[];
}

/** The single advantage, and its parts. */
export interface ScalarAdvantages {
  /** A = Σ w_k A_k, normalised, [R]. */
  readonly scalar: Float64Array;
  /** The K columns in the same units: Σ w_k column_k is A up to a constant, which is 0 if each prompt's mean is 0. */
  readonly columns: readonly Float64Array[];
}

/**
 * Sums the advantages of K objectives and normalises the sum.
 *
 * - MORLHF (RLOO, GAE): A = Σ w_k A_k. Both estimators are linear in the rewards, so this is the advantage of the reward
 *   Σ w_k r_k; whitened if `whiten`. With `normalizeWithin`, of centred rewards, it is GRPO on that reward.
 * - GDPO (Liu et al. 2026, arXiv 2601.05242): columns are normalised within their prompt, A = Σ w_k A_k, whitened. Without
 *   `whiten`, MO-GRPO (arXiv 2509.22047).
 *
 * @throws NonFiniteError, RangeError if a sum or its variance leaves the range of float64
 *
 * @example
 * ```ts
 * import { scalarAdvantages } from '@gapo/objectives';
 *
 * const columns = [Float64Array.of(-1, 1), Float64Array.of(2, -2)];
 * const { scalar } = scalarAdvantages({ columns, weights: [1, 1], whiten: true });
 * console.log([...scalar]); // [ 1, -1 ]
 * ```
 */
export function scalarAdvantages(input: ScalarInput): ScalarAdvantages {
  const { weights, layout, kept } = input;
  const columns = normalized(input);
  const rows = at(columns, 0).length;
  const sum = new Float64Array(rows);
  columns.forEach((column, k) => {
    const weight = at(weights, k);
    for (let row = 0; row < rows; row++) sum[row] = f64(sum, row) + weight * f64(column, row);
  });
  if (!input.whiten) return { scalar: masked(sum, kept), columns: columns.map((column) => masked(column, kept)) };
  const counted = kept ? sum.filter((_, row) => kept[row]) : sum;
  const { mean, std } = whiten('the sum of all objectives', counted, layout && { layout });
  const divisor = Math.max(std, stdFloor);
  const real = (row: number): boolean =>
    !layout || row % layout.width < at(layout.lengths, Math.floor(row / layout.width));
  return {
    scalar: masked(
      sum.map((value, row) => (real(row) ? (value - mean) / divisor : 0)),
      kept,
    ),
    columns: columns.map((column) => masked(column, kept).map((value) => value / divisor)),
  };
}

function masked(values: Float64Array, kept: readonly boolean[] | undefined): Float64Array {
  return kept ? values.map((value, row) => (kept[row] ? value : 0)) : values;
}

/** The columns divided by the deviation of their weighted sum within each prompt. */
function normalized({ columns, weights, normalizeWithin }: ScalarInput): readonly Float64Array[] {
  if (!normalizeWithin) return columns;
  const { groups, deviation } = normalizeWithin;
  const divisors = new Float64Array(at(columns, 0).length);
  for (const rows of rowsOfGroups(groups).values()) {
    const squares = rows.reduce((total, row) => {
      const value = columns.reduce((sum, column, k) => sum + at(weights, k) * f64(column, row), 0);
      return total + value * value;
    }, 0);
    const count = deviation === 'sample' ? Math.max(1, rows.length - 1) : rows.length;
    for (const row of rows) divisors[row] = Math.max(groupStdFloor, Math.sqrt(squares / count));
  }
  return columns.map((column) => column.map((value, row) => value / f64(divisors, row)));
}

/**
 * Whitens K columns with a common scale: each is centred on its own, and all are divided by the root mean square of their
 * standard deviations. Unlike whitening each separately, this preserves their proportions, so an objective with larger
 * rewards keeps its larger influence.
 *
 * @param columns K arrays, [R]
 * @param layout per-token advantages: what counts of each row
 * @throws as {@link whiten}, naming the objective
 */
export function whitenTogether(
  names: readonly string[],
  columns: readonly Float64Array[],
  layout?: TokenLayout,
): Float64Array[] {
  const each = columns.map((column, k) => whiten(at(names, k), column, layout && { layout }));
  const variance = each.reduce((sum, { std }) => sum + std * std, 0) / each.length;
  const common = Math.max(stdFloor, Math.sqrt(variance));
  return each.map(({ values, std }) => values.map((value) => (value * Math.max(std, stdFloor)) / common));
}
