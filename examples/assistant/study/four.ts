/** Four objectives: what each method does to all of them, and to the one that gains least. */
import { overSeeds, type Estimate } from './estimates.js';
import { fourObjectives } from './methods.js';
import { overRefusalOverSeeds } from './overRefusal.js';
import { meanAfter, meanBefore, type Evaluated, type Result } from './results.js';

/** A policy, over the seeds. */
export interface FourRow {
  readonly name: string;
  /** Mean rewards, in the order of `fourObjectives`. */
  readonly rewards: readonly Estimate[];
  readonly overRefusal: Estimate | undefined;
}

/** A method. */
export interface FourMethod extends FourRow {
  /** The gain of the objective that gains least, in standard deviations of the starting policy's rewards. */
  readonly smallestGain: Estimate;
  /** In how many seeds every objective gained. */
  readonly allGained: number;
}

/** Everything that the document says about four objectives. */
export interface FourSummary {
  readonly start: FourRow;
  readonly methods: readonly FourMethod[];
  readonly seeds: number;
}

/**
 * Compares the methods.
 *
 * @param results of every method and seed
 * @throws Error without results, or if one lacks an objective or its deviation
 */
export function fourSummary(results: readonly Result[]): FourSummary {
  const [first] = results;
  if (first === undefined) throw new Error('a summary without results');
  const of = (key: string): readonly Result[] => results.filter((result) => result.key === key);
  const rewards = (own: readonly Result[], mean: typeof meanAfter): Estimate[] =>
    fourObjectives.map((name) => overSeeds(own.map((result) => mean(result, name))));
  const begun = of(first.key);
  const methods = [...new Set(results.map(({ key }) => key))].map((key): FourMethod => {
    const own = of(key);
    const gains = own.map(smallestGain);
    return {
      name: own[0]?.group ?? key,
      rewards: rewards(own, meanAfter),
      overRefusal: overRefusalOverSeeds(own, 'after'),
      smallestGain: overSeeds(gains),
      allGained: gains.filter((gain) => gain > 0).length,
    };
  });
  const start = {
    name: 'SFT',
    rewards: rewards(begun, meanBefore),
    overRefusal: overRefusalOverSeeds(begun, 'before'),
  };
  return { start, methods, seeds: begun.length };
}

function smallestGain(result: Evaluated): number {
  const gains = fourObjectives.map((name) => {
    const deviation = result.objectives.find((each) => each.name === name)?.deviationBefore;
    if (deviation === undefined) throw new Error(`the result of ${result.run} has no deviation for ${name}`);
    return (meanAfter(result, name) - meanBefore(result, name)) / deviation;
  });
  return Math.min(...gains);
}
