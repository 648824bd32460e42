/** How far each method moves where a reward is loud or poor. */
import { at, mean, standardDeviation } from '@gapo/numeric';
import { sameSteps } from './course.js';
import { differenceOverSeeds, overSeeds, type Estimate } from './estimates.js';
import { nameOf, objectives, plainCondition } from './methods.js';
import { overRefusalOverSeeds } from './overRefusal.js';
import { meanAfter, type Result } from './results.js';

/** A method under one condition. */
export interface MovedRow {
  /** The condition's. */
  readonly label: string;
  /** In the order of `objectives`. */
  readonly rewards: readonly Estimate[];
  /**
   * For each objective, how far its mean reward is from that under the plain condition, in units of the deviation over seeds
   * there. NaN for one seed.
   */
  readonly moved: readonly number[];
  /** For each objective, how much more its mean reward is than under the plain condition, paired by seed. */
  readonly gained: readonly Estimate[];
  /** The same of the mean of the objectives. */
  readonly meanGained: Estimate;
  /** For each seed, the first steps whose completions were the same as under the plain condition; empty for itself, and if unknown. */
  readonly same: readonly number[];
  /** Undefined if it was not measured. */
  readonly overRefusal: Estimate | undefined;
}

/** A method under every condition. */
export interface MovedMethod {
  readonly name: string;
  readonly rows: readonly MovedRow[];
  /** The largest distance of any objective and condition; NaN for one seed. */
  readonly farthest: number;
}

/**
 * Compares the methods.
 *
 * @param results of every condition, method and seed
 * @throws Error if a method has no results under the plain condition, or of other seeds than under another
 */
export function movesOf(results: readonly Result[]): readonly MovedMethod[] {
  const keys = [...new Set(results.map(({ key }) => key))];
  return keys.map((key) => {
    const own = results.filter((result) => result.key === key);
    const under = (condition: string): Result[] => own.filter((result) => result.condition.key === condition);
    const plain = under(plainCondition.key);
    const [first] = plain;
    if (first === undefined) throw new Error(`${key} has no results under the condition ${plainCondition.key}`);
    const base = objectives.map((name) => plain.map((result) => meanAfter(result, name)));
    const rows = [...new Set(own.map(({ condition }) => condition))].map(({ key: condition, label }): MovedRow => {
      const moved = under(condition);
      if (moved.map(({ seed }) => seed).join() !== plain.map(({ seed }) => seed).join())
        throw new Error(`${key} has results of other seeds under ${condition} than under ${plainCondition.key}`);
      const values = objectives.map((name) => moved.map((result) => meanAfter(result, name)));
      return {
        label,
        rewards: values.map(overSeeds),
        same: condition === plainCondition.key ? [] : sameBySeed(moved, plain),
        overRefusal: overRefusalOverSeeds(moved, 'after'),
        gained: values.map((all, k) => differenceOverSeeds(all, base[k] ?? [])),
        meanGained: differenceOverSeeds(meanOf(values), meanOf(base)),
        moved: values.map((all, k) => {
          const before = base[k] ?? [];
          return before.length < 2 ? NaN : (mean(all) - mean(before)) / standardDeviation(before);
        }),
      };
    });
    return {
      name: nameOf(first),
      rows,
      farthest: Math.max(...rows.flatMap(({ moved }) => moved.map(Math.abs))),
    };
  });
}

/** Returns the mean over the objectives, by seed. */
function meanOf(values: readonly (readonly number[])[]): number[] {
  return at(values, 0).map((_, i) => mean(values.map((own) => at(own, i))));
}

function sameBySeed(results: readonly Result[], plain: readonly Result[]): number[] {
  const same = results.flatMap(({ seed, course }) => {
    const other = plain.find((result) => result.seed === seed)?.course;
    return course === undefined || other === undefined ? [] : [sameSteps(course, other)];
  });
  return same.length < results.length ? [] : same;
}
