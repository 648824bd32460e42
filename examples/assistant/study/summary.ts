/** The numbers of one condition: a row for each method, the hypervolume of each front, and how preferences steer. */
import { kendallTau } from '@gapo/numeric';
import { dominates, hypervolume, paretoFront } from '@gapo/objectives';
import { overSeeds, type Estimate } from './estimates.js';
import { groupNames, type Condition } from './methods.js';
import { overRefusalOverSeeds } from './overRefusal.js';
import { meanAfter, meanBefore, type Result } from './results.js';

/** One method, over its seeds. */
export interface Row {
  key: string;
  group: string;
  share: number | undefined;
  /** In the order of `objectives`. */
  rewards: [Estimate, Estimate];
  /** Of both. */
  mean: Estimate;
  /** Undefined if it was not measured. */
  overRefusal: Estimate | undefined;
  /** How long the gradient of `helpful` was relative to that of `harmless`; undefined if that is not known for every seed. */
  gradientRatio: Estimate | undefined;
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

/** The policies of a method with a preference, on the means over seeds. */
export interface Steering {
  readonly group: string;
  readonly policies: number;
  /** How many no other of them dominates. */
  readonly nonDominated: number;
  /** How many some average of Rewarded Soups dominates; undefined without soups. */
  readonly dominatedBySoups: number | undefined;
  /** Kendall's τ between the preference for `helpful` and its reward. */
  readonly tau: number;
}

/** Everything that the document says about a condition. */
export interface Summary {
  condition: Condition;
  seeds: number[];
  prompts: number;
  start: Row;
  rows: Row[];
  fronts: FrontRow[];
  reference: [number, number];
  steering: Steering[];
}

/** How far under the worst value the reference point lies, in parts of the range. */
const margin = 0.1;

function row(results: readonly Result[], when: 'before' | 'after'): Row {
  const of = when === 'before' ? meanBefore : meanAfter;
  const [first] = results;
  if (first === undefined) throw new Error('a row without results');
  const points = results.map((result): [number, number] => [of(result, 'helpful'), of(result, 'harmless')]);
  return {
    key: first.key,
    group: first.group,
    share: first.share,
    rewards: [overSeeds(points.map(([x]) => x)), overSeeds(points.map(([, y]) => y))],
    mean: overSeeds(points.map(([x, y]) => (x + y) / 2)),
    overRefusal: overRefusalOverSeeds(results, when),
    gradientRatio: when === 'before' ? undefined : ratioOverSeeds(results),
    points,
    trainingSeconds: results.reduce((sum, { trainingSeconds }) => sum + trainingSeconds, 0),
  };
}

function ratioOverSeeds(results: readonly Result[]): Estimate | undefined {
  const ratios = results.flatMap(({ course }) => course?.gradientRatio ?? []);
  return ratios.length < results.length ? undefined : overSeeds(ratios);
}

/**
 * Summarises one condition.
 *
 * @param results of every method for every seed
 * @throws Error without results
 */
export function summarise(results: readonly Result[]): Summary {
  const [first] = results;
  if (first === undefined) throw new Error('a summary without results');
  const seeds = [...new Set(results.map(({ seed }) => seed))];
  const keys = [...new Set(results.map(({ key }) => key))];
  const [firstKey] = keys;
  const rows = keys.map((key) =>
    row(
      results.filter((result) => result.key === key),
      'after',
    ),
  );
  const begun = results.filter(({ key }) => key === firstKey);
  const start = { ...row(begun, 'before'), key: 'sft', group: 'SFT', trainingSeconds: 0 };
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
  const { helpfulOnly, harmlessOnly, soups } = groupNames;
  const single = rows.filter(({ share }) => share === undefined);
  const steered = [...new Set(rows.filter(({ share }) => share !== undefined).map(({ group }) => group))];
  const averages = members(soups);
  const fronts = [
    ...steered.map((group) => front(group, members(group))),
    ...(averages.length > 0 ? [front(`${soups} with its end points`, members(soups, helpfulOnly, harmlessOnly))] : []),
    ...single.map((each) => front(each.group, [each])),
    front('SFT', [start]),
  ];
  return {
    condition: first.condition,
    seeds,
    prompts: first.prompts,
    start,
    rows,
    fronts: fronts.sort((a, b) => b.hypervolume.mean - a.hypervolume.mean),
    reference,
    steering: steered.map((group) => steeringOf(group, members(group), averages)),
  };
}

const center = ({ rewards }: Row): number[] => rewards.map(({ mean }) => mean);

function steeringOf(group: string, steered: readonly Row[], soups: readonly Row[]): Steering {
  const isSoup = group === groupNames.soups;
  return {
    group,
    policies: steered.length,
    nonDominated: paretoFront(steered.map(center)).length,
    dominatedBySoups:
      isSoup || soups.length === 0
        ? undefined
        : steered.filter((each) => soups.some((soup) => dominates(center(soup), center(each)))).length,
    tau: kendallTau(
      steered.map(({ share }) => share ?? NaN),
      steered.map(({ rewards }) => rewards[0].mean),
    ),
  };
}
