/**
 * Sets of policies by their values on several objectives, where higher is better: which of them are dominated, and the hypervolume that
 * a set covers.
 */

import { assertFinite, at } from '@gapo/numeric';

/** Values of one policy, one for each objective. */
export type Point = ArrayLike<number>;

/**
 * Whether a is at least as good as b on every objective and better on one.
 *
 * @throws RangeError when lengths differ, NonFiniteError for a value that is not finite
 */
export function dominates(a: Point, b: Point): boolean {
  checkPoints([a, b]);
  return dominatesUnchecked(a, b);
}

/**
 * Indices, ascending, of the points that no other point dominates. Equal points do not dominate each other: all stay.
 *
 * @param points N points of K values each; may be empty
 * @throws RangeError when lengths differ, NonFiniteError for a value that is not finite
 */
export function paretoFront(points: readonly Point[]): number[] {
  checkPoints(points);
  const indices = Array.from(points.keys());
  return indices.filter((i) => !points.some((other) => dominatesUnchecked(other, at(points, i))));
}

/**
 * Largest number of objectives for which {@link hypervolume} is computed: its time grows as N^(K-1).
 */
export const mostHypervolumeObjectives = 4;

/**
 * The volume of the region that is dominated by some point and dominates the reference (Zitzler and Thiele 1998), exact
 * up to rounding, by slicing along one objective after the other (While et al. 2006, "A faster algorithm for calculating
 * hypervolume").
 *
 * A point that does not exceed the reference on every objective covers nothing; no points cover 0; with one objective
 * it is the length from the reference to the best point. Dominated and repeated points add nothing.
 *
 * @param points N points of K values each, 1 ≤ K ≤ 4
 * @param reference K values, usually slightly worse than the worst of interest
 * @returns in the product of the objectives' units, ≥ 0
 * @throws RangeError when lengths differ or K is outside 1 .. 4, NonFiniteError for a value that is not finite
 */
export function hypervolume(points: readonly Point[], reference: Point): number {
  const size = reference.length;
  if (size < 1 || size > mostHypervolumeObjectives) {
    throw new RangeError(
      `hypervolume: the reference has ${size} values, expected 1 to ${mostHypervolumeObjectives} objectives`,
    );
  }
  checkPoints([reference, ...points]);
  const edges: number[][] = [];
  for (const point of points) {
    const edge = Array.from(point, (value, k) => value - at(reference, k));
    if (edge.every((length) => length > 0)) edges.push(edge);
  }
  return coveredBy(edges, size);
}

/** Distance of a reference below the worst value, as a share of the range. */
const margin = 0.1;

/**
 * Returns a reference point for {@link hypervolume}: a tenth of each objective's range below its worst value, or a tenth below the value
 * if all are equal. It depends on the points: hypervolumes of different sets are comparable only with the same reference.
 *
 * @param points N ≥ 1 points of K values each, usually including the starting policy's
 * @returns K values
 * @throws RangeError without points, or when lengths differ; NonFiniteError for a value that is not finite
 */
export function referenceBelow(points: readonly Point[]): number[] {
  checkPoints(points);
  return Array.from(at(points, 0), (_, k) => {
    const values = points.map((point) => at(point, k));
    const [low, high] = [Math.min(...values), Math.max(...values)];
    return low - margin * (high > low ? high - low : 1);
  });
}

/** How far a point exceeds the reference on each objective. */
type Edge = readonly number[];

/** Volume covered by boxes from the origin to each edge, over the first `size` coordinates. */
function coveredBy(edges: readonly Edge[], size: number): number {
  if (edges.length === 0) return 0;
  const last = size - 1;
  if (size === 1) return edges.reduce((most, edge) => Math.max(most, at(edge, 0)), 0);
  const order = [...edges].sort((a, b) => at(b, last) - at(a, last));
  if (size === 2) return staircase(order);
  // From the highest down: between two heights the cross-section is what all edges above cover.
  let volume = 0;
  let above: readonly Edge[] = [];
  for (const [k, edge] of order.entries()) {
    above = withUndominated(above, edge, last);
    const height = at(edge, last) - (order[k + 1]?.[last] ?? 0);
    if (height > 0) volume += height * coveredBy(above, last);
  }
  return volume;
}

/** Area under edges sorted by their second coordinate, descending. */
function staircase(order: readonly Edge[]): number {
  let [area, width] = [0, 0];
  for (const [k, edge] of order.entries()) {
    width = Math.max(width, at(edge, 0));
    area += width * (at(edge, 1) - (order[k + 1]?.[1] ?? 0));
  }
  return area;
}

/** Adds an edge to a set and removes those that then cover nothing more, by the first `size` coordinates. */
function withUndominated(set: readonly Edge[], edge: Edge, size: number): readonly Edge[] {
  const covers = (a: Edge, b: Edge): boolean => a.slice(0, size).every((length, k) => length >= at(b, k));
  if (set.some((other) => covers(other, edge))) return set;
  return [...set.filter((other) => !covers(edge, other)), edge];
}

function dominatesUnchecked(a: Point, b: Point): boolean {
  let better = false;
  for (let k = 0; k < a.length; k++) {
    if (at(a, k) < at(b, k)) return false;
    if (at(a, k) > at(b, k)) better = true;
  }
  return better;
}

function checkPoints(points: readonly Point[]): void {
  const [first] = points;
  for (const [i, point] of points.entries()) {
    if (first !== undefined && point.length !== first.length) {
      throw new RangeError(`point ${i} has ${point.length} values, point 0 has ${first.length}; all need the same`);
    }
    assertFinite(point, `point ${i}`, 'value', 'leave out policies without a value on every objective');
  }
}
