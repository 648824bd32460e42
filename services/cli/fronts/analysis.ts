/** Analyses a set of policies: which are dominated, and the hypervolume of each group. */
import { kendallTau } from '@gapo/numeric';
import { dominates, hypervolume, mostHypervolumeObjectives, paretoFront, referenceBelow } from '@gapo/objectives';
import { UserError } from '@gapo/service';
import type { Front, FrontPolicy } from './front.js';

/** How the preferences of a group order its policies' rewards. */
export interface PreferenceOrder {
  readonly group: string;
  /** Kendall's τ between the preference for an objective and its mean reward, in the order of the objectives. */
  readonly taus: readonly number[];
}

/** The analysis of a front. */
export interface FrontAnalysis {
  /** Indices of policies that no other policy of the set dominates. */
  nonDominated: ReadonlySet<number>;
  /** For each policy, the indices of the policies that dominate it. */
  dominatedBy: readonly (readonly number[])[];
  /** The reference point of the hypervolumes, in the order of the objectives. */
  reference: readonly number[];
  /** Describes where the reference point comes from. */
  referenceFrom: string;
  /** One for each group, in order of appearance; `value` is undefined for more objectives than are supported. */
  hypervolumes: readonly { group: string; policies: number; value: number | undefined }[];
  /** One for each group of at least two policies that all have a preference. */
  orders: readonly PreferenceOrder[];
}

/**
 * Analyses a front by the policies' mean rewards.
 *
 * @param reference by objective. @default a tenth of each objective's range below its worst value, including the starting
 * policy
 * @throws UserError if the reference does not name exactly the objectives
 */
export function analyse(front: Front, reference?: Readonly<Record<string, number>>): FrontAnalysis {
  const points = front.policies.map((policy) => pointOf(front, policy));
  const origin = reference === undefined ? defaultReference(front, points) : givenReference(front, reference);
  const groups = [...new Set(front.policies.map(({ group }) => group))];
  const supported = front.objectives.length <= mostHypervolumeObjectives;
  return {
    nonDominated: new Set(paretoFront(points)),
    dominatedBy: points.map((point) => points.flatMap((other, i) => (dominates(other, point) ? [i] : []))),
    reference: origin,
    referenceFrom:
      reference === undefined
        ? 'the worst value of each objective here, the starting policy included, less a tenth of its range'
        : 'as given',
    hypervolumes: groups.map((group) => {
      const members = points.filter((_, i) => front.policies[i]?.group === group);
      return { group, policies: members.length, value: supported ? hypervolume(members, origin) : undefined };
    }),
    orders: groups.flatMap((group) => orderOf(front, group) ?? []),
  };
}

/** Returns a policy's mean rewards in the order of the objectives. */
export function pointOf({ objectives }: Front, { rewards }: FrontPolicy): number[] {
  return objectives.map((name) => rewards[name]?.mean ?? NaN);
}

function orderOf({ objectives, policies }: Front, group: string): PreferenceOrder | undefined {
  const members = policies.filter((policy) => policy.group === group);
  const preferences = members.flatMap(({ preference }) => (preference === null ? [] : [preference]));
  if (members.length < 2 || preferences.length < members.length) return undefined;
  const taus = objectives.map((name) =>
    kendallTau(
      preferences.map((preference) => preference[name] ?? NaN),
      members.map(({ rewards }) => rewards[name]?.mean ?? NaN),
    ),
  );
  return { group, taus };
}

/** @param points of the policies; the starting policy's point is added */
function defaultReference({ objectives, start }: Front, points: readonly (readonly number[])[]): number[] {
  const begun = objectives.flatMap((name) => start?.[name]?.mean ?? []);
  return referenceBelow(begun.length === objectives.length ? [...points, begun] : points);
}

function givenReference({ objectives }: Front, reference: Readonly<Record<string, number>>): number[] {
  const wrong = [
    ...objectives.filter((name) => !Object.hasOwn(reference, name)).map((name) => `${name} is missing`),
    ...Object.keys(reference)
      .filter((name) => !objectives.includes(name))
      .map((name) => `there is no objective ${name}`),
  ];
  if (wrong.length > 0) {
    const example = objectives.map((name) => `${name}=-1`).join(',');
    throw new UserError(`--reference: ${wrong.join('; ')}; give a number for every objective, such as ${example}`);
  }
  return objectives.map((name) => reference[name] ?? NaN);
}
