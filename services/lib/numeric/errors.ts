/**
 * The one error of this package that callers tell apart: a number that must be finite is not.
 *
 * Everything else that can be wrong is a mistake in the call (a `RangeError` that names the argument, what was
 * found and what was expected).
 */

import { at } from './at.js';

/** A NaN or an infinity in what an objective supplied. It is never replaced by another number. */
export class NonFiniteError extends Error {
  override readonly name = 'NonFiniteError';
  /** Name of the objective (or of the quantity, where no objective is involved). */
  readonly objective: string;
  /** What holds the entry: `gradient`, `reward`, `value`, `logprob`. */
  readonly quantity: string;
  /** Index of the first such entry in that array. */
  readonly index: number;
  /** The entry itself: NaN, Infinity or -Infinity. */
  readonly value: number;

  constructor(objective: string, quantity: string, index: number, value: number, advice: string) {
    super(`${objective}: ${quantity} entry ${index} is ${value}, expected a finite number; ${advice}`);
    this.objective = objective;
    this.quantity = quantity;
    this.index = index;
    this.value = value;
  }
}

/**
 * Checks that every entry is finite.
 *
 * @param values any length
 * @throws NonFiniteError for the first entry that is not
 */
export function assertFinite(values: ArrayLike<number>, objective: string, quantity: string, advice: string): void {
  for (let i = 0; i < values.length; i++) {
    const value = at(values, i);
    if (!Number.isFinite(value)) throw new NonFiniteError(objective, quantity, i, value, advice);
  }
}
