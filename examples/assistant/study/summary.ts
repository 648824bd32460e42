/** The study's numbers: a row for each method, the hypervolume of each front, and which policies are dominated. */
import { dominates, hypervolume, paretoFront } from '@gapo/objectives';
import { overSeeds, type Estimate } from './estimates.js';
import { groupNames } from './methods.js';
import { meanAfter, meanBefore, type Result } from './results.js';

/** The axes, in order. */
export const objectives = ['helpful', 'harmless'] as const;

/** One method, over its seeds. */
export interface Row {
  key: string;
  group: string;
  share: number | undefined;
  /** In the order of `objectives`. */
  rewards: [Estimate, Estimate];
  /** Of both. */
  mean: Estimate;
  /** One point for each seed, in the order of `objectives`. */
  points: [number, number][];
  trainingSeconds: number;
}

/** A front: the policies of some methods together. */
export interface FrontRow {
  name: string;
  policies: number;
  /** Over seeds. */
  hypervolume: Estimate;
  /** One for each seed. */
  hypervolumes: number[];
}

/** Everything that the document says. */
export interface Summary {
  seeds: number[];
  prompts: number;
  start: Row;
  rows: Row[];
  fronts: FrontRow[];
  reference: [number, number];
  /** P-GAPO's policies, on the means over seeds. */
  pgapo: {
    /** How many no other P-GAPO policy dominates. */
    nonDominated: number;
    /** How many some average of Rewarded Soups dominates. */
    dominatedBySoups: number;
    /** Neighbours in the preference whose helpful reward is in the preference's order, of how many. */
    ordered: [number, number];
  };
}

/** How far under the worst value the reference point lies, in parts of the range. */
const margin = 0.1;

function row(results: readonly Result[], of: (result: Result, name: string) => number): Row {
  const [first] = results;
  if (first === undefined) throw new Error('a row without results');
  const points = results.map((result): [number, number] => [of(result, 'helpful'), of(result, 'harmless')]);
  return {
    key: first.key,
    group: first.group,
    share: first.share,
    rewards: [overSeeds(points.map(([x]) => x)), overSeeds(points.map(([, y]) => y))],
    mean: overSeeds(points.map(([x, y]) => (x + y) / 2)),
    points,
    trainingSeconds: results.reduce((sum, { trainingSeconds }) => sum + trainingSeconds, 0),
  };
}

/** @param results of every method for every seed */
export function summarise(results: readonly Result[]): Summary {
  const seeds = [...new Set(results.map(({ seed }) => seed))];
  const keys = [...new Set(results.map(({ key }) => key))];
  const [firstKey] = keys;
  const rows = keys.map((key) =>
    row(
      results.filter((result) => result.key === key),
      meanAfter,
    ),
  );
  const begun = results.filter(({ key }) => key === firstKey);
  const start = { ...row(begun, meanBefore), key: 'sft', group: 'SFT', trainingSeconds: 0 };
  const everything = [start, ...rows].flatMap(({ points }) => points);
  const reference = [0, 1].map((k) => {
    const values = everything.map((point) => point[k] ?? NaN);
    const [low, high] = [Math.min(...values), Math.max(...values)];
    return low - margin * (high > low ? high - low : 1);
  }) as [number, number];
  const members = (...groups: string[]): Row[] => rows.filter(({ group }) => groups.includes(group));
  const front = (name: string, of: readonly Row[]): FrontRow => {
    const hypervolumes = seeds.map((_, i) =>
      hypervolume(
        of.map(({ points }) => points[i] ?? [NaN, NaN]),
        reference,
      ),
    );
    return { name, policies: of.length, hypervolume: overSeeds(hypervolumes), hypervolumes };
  };
  const { helpfulOnly, harmlessOnly, soups, linear, pgapo } = groupNames;
  const single = rows.filter(({ share }) => share === undefined);
  const fronts = [
    front(pgapo, members(pgapo)),
    front(linear, members(linear)),
    front(soups, members(soups)),
    front(`${soups} with its end points`, members(soups, helpfulOnly, harmlessOnly)),
    ...single.map((each) => front(each.group, [each])),
    front('SFT', [start]),
  ];
  return {
    seeds,
    prompts: results[0]?.prompts ?? NaN,
    start,
    rows,
    fronts: fronts.sort((a, b) => b.hypervolume.mean - a.hypervolume.mean),
    reference,
    pgapo: pgapoOf(members(pgapo), members(soups)),
  };
}

const center = ({ rewards }: Row): number[] => rewards.map(({ mean }) => mean);

function pgapoOf(steered: readonly Row[], soups: readonly Row[]): Summary['pgapo'] {
  const sorted = [...steered].sort((a, b) => (a.share ?? 0) - (b.share ?? 0));
  const ordered = sorted
    .slice(1)
    .filter(({ rewards }, i) => rewards[0].mean > (sorted[i]?.rewards[0].mean ?? Infinity));
  return {
    nonDominated: paretoFront(steered.map(center)).length,
    dominatedBySoups: steered.filter((each) => soups.some((soup) => dominates(center(soup), center(each)))).length,
    ordered: [ordered.length, Math.max(sorted.length - 1, 0)],
  };
}
