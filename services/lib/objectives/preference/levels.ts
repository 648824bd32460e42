/** Preferences in integer levels, as stated in a policy's prompts. */

import { at, required } from '@gapo/numeric';

/**
 * Rounds a preference to levels: each gets the floor of its share, and those with the largest remainders one more, ties in order.
 *
 * @param preference λ, finite and ≥ 0, with a positive sum; length K
 * @param levels the sum of the result
 * @returns integers ≥ 0 that sum to `levels`, length K
 * @throws RangeError if the preference does not sum to a finite positive number
 *
 * @example
 * ```ts
 * import { preferenceLevels } from '@gapo/objectives';
 *
 * console.log(preferenceLevels([0.72, 0.28], 10)); // [ 7, 3 ]
 * ```
 */
export function preferenceLevels(preference: ArrayLike<number>, levels: number): number[] {
  const sum = Array.from(preference).reduce((total, share) => total + share, 0);
  if (!(sum > 0 && Number.isFinite(sum))) throw new RangeError(`the preference sums to ${sum}, expected more than 0`);
  // Removes rounding errors, so that 0.7 of 10 is 7 without a remainder.
  const shares = Array.from(preference, (share) => Number(((levels * share) / sum).toFixed(9)));
  const result = shares.map(Math.floor);
  const left = levels - result.reduce((total, level) => total + level, 0);
  const byRemainder = [...shares.keys()].sort((a, b) => remainder(at(shares, b)) - remainder(at(shares, a)) || a - b);
  for (const k of byRemainder.slice(0, left)) result[k] = at(result, k) + 1;
  return result;
}

function remainder(share: number): number {
  return share - Math.floor(share);
}

/**
 * Completes a partial preference: objectives without a share split the rest equally.
 *
 * @param names of the objectives
 * @returns λ in the order of the objectives; it sums to 1
 * @throws RangeError naming the invalid share
 *
 * @example
 * ```ts
 * import { completePreference } from '@gapo/objectives';
 *
 * console.log(completePreference(['helpful', 'harmless'], { helpful: 0.75 })); // [ 0.75, 0.25 ]
 * ```
 */
export function completePreference(names: readonly string[], given: Readonly<Record<string, number>>): number[] {
  const unknown = Object.keys(given).find((name) => !names.includes(name));
  if (unknown !== undefined) throw new RangeError(`there is no objective ${unknown}, only ${names.join(', ')}`);
  for (const [name, share] of Object.entries(given)) {
    if (!(share >= 0 && share <= 1)) throw new RangeError(`${name} is ${share}, expected a share from 0 to 1`);
  }
  const open = names.filter((name) => !Object.hasOwn(given, name));
  const sum = Object.values(given).reduce((total, share) => total + share, 0);
  const rest = 1 - sum;
  if (rest < -tolerance || (open.length === 0 && rest > tolerance)) {
    const wanted = open.length === 0 ? '1' : 'at most 1';
    throw new RangeError(`the shares sum to ${Number(sum.toPrecision(6))}, expected ${wanted}`);
  }
  const own = Math.max(0, rest) / open.length;
  return names.map((name) => (open.includes(name) ? own : required(given[name], `the share of ${name}`)));
}

/** How far the sum of shares such as 0.7 and 0.3 may be from 1. */
const tolerance = 1e-6;
