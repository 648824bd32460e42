/** Vectors of any size, in loops that the engine compiles to plain arithmetic. */

/** A vector of n numbers. */
type Vector = Float32Array | Float64Array;

/**
 * Adds factor · from to a vector, in place: each sum is computed in float64 and rounded once to the vector's own type.
 *
 * @param into [n]
 * @param from [n]
 * @throws RangeError where the lengths differ
 */
export function addScaled(into: Vector, from: Vector, factor = 1): void {
  if (into.length !== from.length) {
    throw new RangeError(`a vector of ${from.length} elements cannot be added to one of ${into.length}`);
  }
  // The lengths are equal, so that `?? 0` never applies; it costs nothing, unlike a call for each element.
  for (let i = 0; i < into.length; i++) into[i] = (into[i] ?? 0) + factor * (from[i] ?? 0);
}
