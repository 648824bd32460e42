/** Element access for code whose indices are right by construction. */

/**
 * Returns the element at an index.
 *
 * The compiler types `array[index]` as possibly undefined. Numeric code computes its indices, so a miss is a defect: it
 * throws here instead of turning into NaN further on. In a loop over the elements of a long vector use {@link f64} or
 * {@link f32}, which are as fast as the access itself.
 *
 * @param index from 0 to length - 1
 * @throws RangeError where the array has no such element
 *
 * @example
 * ```ts
 * import { at } from '@gapo/numeric';
 *
 * const weights = Float64Array.of(0.25, 0.75);
 * const last: number = at(weights, weights.length - 1);
 * console.log(last); // 0.75
 * ```
 */
export function at<T>(array: { readonly length: number; readonly [index: number]: T }, index: number): T {
  const element = array[index];
  if (element === undefined) throw missing(array, index);
  return element;
}

/**
 * Returns a value that the surrounding logic guarantees.
 *
 * @param what names the value in the error, for example `the chosen weights`
 * @throws Error where it is undefined or null
 */
export function required<T>(value: T | null | undefined, what: string): T {
  if (value === undefined || value === null) throw new Error(`${what}: expected a value, found none; this is a defect`);
  return value;
}

/**
 * Returns an entry of a float64 vector: {@link at} for hot loops.
 *
 * A function that only ever reads one type of array compiles to a single load. `at` reads every type, which costs about
 * 30 ns an element where the engine has seen more than four of them.
 *
 * @param index from 0 to length - 1
 * @throws RangeError where the vector has no such entry
 */
export function f64(vector: Float64Array, index: number): number {
  const entry = vector[index];
  if (entry === undefined) throw missing(vector, index);
  return entry;
}

/**
 * Returns an entry of a float32 vector, as {@link f64} does for float64.
 *
 * @param index from 0 to length - 1
 * @throws RangeError where the vector has no such entry
 */
export function f32(vector: Float32Array, index: number): number {
  const entry = vector[index];
  if (entry === undefined) throw missing(vector, index);
  return entry;
}

/**
 * Returns an entry of a vector of indices, as {@link f64} does for float64.
 *
 * @param index from 0 to length - 1
 * @throws RangeError where the vector has no such entry
 */
export function i32(vector: Int32Array, index: number): number {
  const entry = vector[index];
  if (entry === undefined) throw missing(vector, index);
  return entry;
}

/** Stands apart so that the functions above are small enough to be inlined everywhere. */
function missing(array: { readonly length: number }, index: number): RangeError {
  return new RangeError(`index ${index} is outside of an array of ${array.length} elements`);
}
