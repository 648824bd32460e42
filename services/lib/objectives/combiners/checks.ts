/** Checks of combiners' options. */

import { at } from '@gapo/numeric';
import type { Gram } from '../gram/gram.js';

/** How far a preference's sum may be from 1; it is then divided by its sum. */
const sumTolerance = 1e-6;

/**
 * Checks that there is one finite weight ≥ 0 for each objective, and one above 0.
 *
 * @param what names the weights in messages, for example `preference`
 * @returns the sum, greater than 0
 * @throws RangeError when there is not one finite number ≥ 0 for each objective, or all are 0
 */
export function checkWeights(gram: Gram, what: string, weights: ArrayLike<number>): number {
  const { names } = gram;
  checkCount(gram, what, weights);
  let sum = 0;
  for (const [i, name] of names.entries()) {
    const weight = at(weights, i);
    if (!Number.isFinite(weight) || weight < 0) {
      throw new RangeError(`${what}: the number for ${name} is ${weight}, expected a finite number of at least 0`);
    }
    sum += weight;
  }
  if (!(sum > 0 && Number.isFinite(sum))) {
    throw new RangeError(`${what}: the numbers sum to ${sum}; at least one objective needs a weight above 0`);
  }
  return sum;
}

/**
 * Checks that there is one number for each objective.
 *
 * @throws RangeError when there is not
 */
function checkCount({ names }: Gram, what: string, numbers: ArrayLike<number>): void {
  if (numbers.length !== names.length) {
    throw new RangeError(
      `${what}: ${numbers.length} numbers for ${names.length} objectives (${names.join(', ')}); give one for each`,
    );
  }
}

/**
 * Checks that there is one finite number for each objective.
 *
 * @throws RangeError when there is not
 */
export function checkFinite(gram: Gram, what: string, numbers: ArrayLike<number>): void {
  checkCount(gram, what, numbers);
  gram.names.forEach((name, i) => {
    if (!Number.isFinite(numbers[i])) {
      throw new RangeError(`${what}: the number for ${name} is ${numbers[i]}, expected a finite number`);
    }
  });
}

/** Options of combiners with an optional preference. */
export interface OptionalPreference {
  /** λ on the simplex, length K. @default the same for all */
  readonly preference?: ArrayLike<number>;
}

/**
 * A preference on the simplex, summing to 1 up to rounding.
 *
 * @param preference as configured; undefined: the same for all
 * @throws RangeError for one that is not on the simplex
 */
export function simplexPreference(gram: Gram, preference: ArrayLike<number> | undefined): Float64Array {
  const size = gram.names.length;
  if (preference === undefined) return new Float64Array(size).fill(1 / size);
  const sum = checkWeights(gram, 'preference', preference);
  if (Math.abs(sum - 1) > sumTolerance) {
    throw new RangeError(`preference: the numbers sum to ${sum}, expected 1; divide each by their sum`);
  }
  return Float64Array.from(preference, (share) => share / sum);
}

/**
 * Checks that a number is the index of an objective.
 *
 * @param method names the combiner in the message
 * @throws RangeError when it is not
 */
export function checkObjective({ names }: Gram, method: string, objective: number): void {
  if (Number.isInteger(objective) && objective >= 0 && objective < names.length) return;
  const choices = names.map((name, i) => `${i} (${name})`).join(', ');
  throw new RangeError(`${method}: objective is ${objective}, expected an index: ${choices}`);
}
