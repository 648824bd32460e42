/** How far each method moves where one reward is louder. */
import { mean, standardDeviation } from '@gapo/numeric';
import { sameSteps } from './course.js';
import { overSeeds, type Estimate } from './estimates.js';
import { objectives } from './methods.js';
import { overRefusalOverSeeds } from './overRefusal.js';
import { meanAfter, type Result } from './results.js';

/** A method with one loudness. */
export interface LoudRow {
  readonly loudness: number;
  /** In the order of `objectives`. */
  readonly rewards: readonly Estimate[];
  /**
   * For each objective, how far its mean reward is from that with loudness 1, in units of the deviation over seeds there. NaN
   * for one seed.
   */
  readonly moved: readonly number[];
  /** For each seed, the first steps whose completions were the same as with loudness 1; empty for loudness 1, and if that is not known. */
  readonly same: readonly number[];
  /** Undefined if it was not measured. */
  readonly overRefusal: Estimate | undefined;
}

/** A method with every loudness. */
export interface LoudMethod {
  readonly name: string;
  readonly rows: readonly LoudRow[];
  /** The largest distance of any objective and loudness; NaN for one seed. */
  readonly farthest: number;
}

/**
 * Compares the methods.
 *
 * @param results of every loudness, method and seed
 * @throws Error if a method has no results with loudness 1
 */
export function loudnessOf(results: readonly Result[]): readonly LoudMethod[] {
  const keys = [...new Set(results.map(({ key }) => key))];
  return keys.map((key) => {
    const own = results.filter((result) => result.key === key);
    const resultsAt = (loudness: number): Result[] => own.filter(({ condition }) => condition.loudness === loudness);
    const valuesAt = (loudness: number, name: string): number[] =>
      resultsAt(loudness).map((result) => meanAfter(result, name));
    const base = objectives.map((name) => valuesAt(1, name));
    const [first] = own;
    if (first === undefined || base.some(({ length }) => length === 0))
      throw new Error(`${key} has no results with loudness 1`);
    const rows = [...new Set(own.map(({ condition }) => condition.loudness))].map((loudness): LoudRow => {
      const values = objectives.map((name) => valuesAt(loudness, name));
      return {
        loudness,
        rewards: values.map(overSeeds),
        same: loudness === 1 ? [] : sameBySeed(resultsAt(loudness), resultsAt(1)),
        overRefusal: overRefusalOverSeeds(resultsAt(loudness), 'after'),
        moved: values.map((all, k) => {
          const before = base[k] ?? [];
          return before.length < 2 ? NaN : (mean(all) - mean(before)) / standardDeviation(before);
        }),
      };
    });
    const { group, share } = first;
    return {
      name: share === undefined ? group : `${group}, λ = ${share}`,
      rows,
      farthest: Math.max(...rows.flatMap(({ moved }) => moved.map(Math.abs))),
    };
  });
}

function sameBySeed(results: readonly Result[], quiet: readonly Result[]): number[] {
  const same = results.flatMap(({ seed, course }) => {
    const other = quiet.find((result) => result.seed === seed)?.course;
    return course === undefined || other === undefined ? [] : [sameSteps(course, other)];
  });
  return same.length < results.length ? [] : same;
}
