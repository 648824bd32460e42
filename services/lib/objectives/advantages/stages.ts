/**
 * Stages between the advantages of each objective and their combination: DVAO's weights for each prompt, GD²PO's filter of
 * completions on which the objectives disagree, and the weights of each prompt's own preference. Both keep one column for each objective, so any method can combine them.
 */

import { at, f64, standardDeviation } from '@gapo/numeric';
import { rowsOfGroups } from './groups.js';

/** Advantages of N completions for K objectives. */
export interface StageInput {
  /** K arrays, [N]; those of a prompt sum to 0. */
  readonly columns: readonly Float64Array[];
  /** The preference over the objectives, ≥ 0, length K. */
  readonly weights: ArrayLike<number>;
  /** For each completion, which prompt it answers, length N. */
  readonly groups: ArrayLike<number>;
}

/**
 * DVAO (Jiang et al. 2026, arXiv 2605.25604): in each prompt an objective's normalised advantages are multiplied by σ_k / Σ_j w_j σ_j, σ_k the
 * standard deviation of its rewards there. So Σ w_k A_k becomes Σ w_k (r_k - μ_k) / Σ_j w_j σ_j: an objective that distinguishes a prompt's
 * completions counts more there, and one that does not adds no noise. For weights that sum to 1, the shares w_k σ_k / Σ_j w_j σ_j do too, and |A| is
 * at most the largest |A_k|.
 *
 * @param rewards K arrays, [N]
 * @returns K columns, [N]; 0 for a prompt on which no objective with a weight varies
 */
export function varianceAdaptive(input: StageInput, rewards: readonly ArrayLike<number>[]): Float64Array[] {
  const { columns, weights, groups } = input;
  const deviations = rewards.map((values) => groupDeviations(values, groups));
  return columns.map((column, k) =>
    column.map((advantage, row) => {
      const group = at(groups, row);
      const total = deviations.reduce((sum, of, j) => sum + at(weights, j) * (of.get(group) ?? 0), 0);
      return total > 0 ? (advantage * (at(deviations, k).get(group) ?? 0)) / total : 0;
    }),
  );
}

/** The population standard deviation of the rewards of each prompt. */
function groupDeviations(values: ArrayLike<number>, groups: ArrayLike<number>): Map<number, number> {
  return new Map(
    [...rowsOfGroups(groups)].map(([group, rows]) => [
      group,
      standardDeviation(
        rows.map((row) => at(values, row)),
        'population',
      ),
    ]),
  );
}

/** The result of {@link withoutConflicts}. */
export interface Filtered {
  /** K columns, [N]: 0 for omitted completions; the others are multiplied by the kept share of their prompt. */
  readonly columns: readonly Float64Array[];
  /** Whether each completion is kept, length N. */
  readonly kept: readonly boolean[];
}

/** An advantage of this size or less has no sign. */
const signless = 1e-8;

/**
 * GD²PO (Liu et al. 2026, arXiv 2606.16771): omits completions on which objectives disagree, that is, whose advantage is above 0 for one and below 0
 * for another (among those with a weight). With a threshold, only those whose agreement
 * |Σ w_k A_k| / Σ w_k |A_k| is below it. The advantages of a prompt are multiplied by the share of its completions that are kept, so that prompts on which the objectives disagree count less.
 *
 * @param threshold in [0, 1]. @default every disagreement
 * @throws RangeError for an unusable threshold
 */
export function withoutConflicts({ columns, weights, groups }: StageInput, threshold = Infinity): Filtered {
  if (!(threshold >= 0)) throw new RangeError(`GD²PO: threshold is ${threshold}, expected a number from 0 to 1`);
  const counting = [...columns.keys()].filter((k) => at(weights, k) > 0);
  const kept = Array.from({ length: groups.length }, (_, row) => {
    const values = counting.map((k) => f64(at(columns, k), row));
    const conflict = values.some((value) => value > signless) && values.some((value) => value < -signless);
    if (!conflict) return true;
    const terms = counting.map((k, i) => at(weights, k) * at(values, i));
    const size = terms.reduce((sum, term) => sum + Math.abs(term), 0);
    return Math.abs(terms.reduce((sum, term) => sum + term, 0)) / size >= threshold;
  });
  const shares = new Map(
    [...rowsOfGroups(groups)].map(([group, rows]) => [group, rows.filter((row) => kept[row]).length / rows.length]),
  );
  const factor = (row: number): number => (kept[row] ? (shares.get(at(groups, row)) ?? 0) : 0);
  return { columns: columns.map((column) => column.map((value, row) => value * factor(row))), kept };
}

/**
 * Weights the advantages of each completion by the preference of its prompt, so that the gradient of objective k is Σ λ_k ∇J_k over
 * the prompts.
 *
 * @param columns K arrays, one number per completion, or `width` per completion
 * @param preferences λ of each completion, each of length K
 * @returns K arrays like `columns`
 */
export function preferred(
  columns: readonly Float64Array[],
  preferences: readonly ArrayLike<number>[],
  width = 1,
): Float64Array[] {
  return columns.map((column, k) =>
    column.map((advantage, i) => advantage * at(at(preferences, Math.floor(i / width)), k)),
  );
}
