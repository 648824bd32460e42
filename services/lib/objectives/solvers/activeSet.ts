/**
 * The point of smallest norm in a convex hull, by Wolfe's active-set method (P. Wolfe, "Finding the nearest point in a
 * polytope", Mathematical Programming 11, 1976), in variables in which no gradient is too small to matter.
 *
 * The hull is that of K points p_i = ℓ_i u_i with unit directions u_i and lengths ℓ_i > 0. A textbook solver works on the
 * simplex weights α and the inner products of the p_i; with lengths of 1 and 10¹², nothing is left of the short ones. Here
 * the unknown is β_i = α_i ℓ_i, the amount of the *unit* direction. With C the matrix of cosines and c_i = ℓ_min / ℓ_i in
 * (0, 1], the problem is
 *
 *     minimise βᵀCβ   subject to   cᵀβ = 1,  β ≥ 0
 *
 * and its Karush-Kuhn-Tucker conditions are (Cβ)_i ≥ λ c_i, with equality where β_i > 0: theorem 3.1 of arXiv 2507.01915
 * divided by ℓ_i. All quantities are of order one, whatever the lengths. Because scaling β and λ by the same number does not
 * change the conditions, β is kept at Σβ = 1 and normalised to cᵀβ = 1 at the end.
 */

import { at, eliminate, f64, i32 } from '@gapo/numeric';
import { solveWithRidges } from './ridges.js';

/** A minimiser, with how far it is from satisfying the optimality conditions. */
export interface ActiveSetResult {
  /** β, length K, with cᵀβ = 1; exactly 0 off the active set. */
  readonly lengths: Float64Array;
  /** λ = ‖Σ β_i u_i‖² / (cᵀβ)² in units of ℓ_min², in [0, 1]. */
  readonly multiplier: number;
  /** max_i of the violation of condition i, divided by Σβ. Rounding alone leaves about 1e-16. */
  readonly residual: number;
  /** Indices with β > 0, ascending. */
  readonly active: readonly number[];
  /** Number of times a point was admitted to the active set. */
  readonly iterations: number;
}

/** Violations below this many rounding errors are indistinguishable from zero. */
const roundingErrors = 8;
const maxIterationsPerPoint = 64;

/** Ridges to try, in rounding errors of K terms. */
const ridges = [0, 2, 16, 128, 1024] as const;

/**
 * Solves the problem above.
 *
 * @param cosines C, K×K row-major, unit diagonal, positive semidefinite up to rounding
 * @param reciprocals c, length K, in (0, 1], the largest exactly 1
 */
export function nearestPoint(cosines: Float64Array, reciprocals: Float64Array): ActiveSetResult {
  const size = reciprocals.length;
  if (size === 2) {
    const beta = nearestOnSegment(f64(cosines, 1), reciprocals);
    const image = new Float64Array(2);
    multiplyInto(image, cosines, beta, 0);
    return certify(cosines, reciprocals, beta, multiplierOf(image, reciprocals, beta), 0);
  }
  return solveWithRidges(ridges, (ridge) => wolfe(cosines, reciprocals, ridge * size * Number.EPSILON));
}

/** The major cycle: admit the point whose condition is violated most, until none is. */
function wolfe(cosines: Float64Array, c: Float64Array, ridge: number): ActiveSetResult {
  const size = c.length;
  const work = workFor(size);
  const tolerance = roundingErrors * size * Number.EPSILON;
  const barred = new Uint8Array(size);
  const visited = new Set<number | string>();
  let beta: Float64Array = new Float64Array(size);
  let next: Float64Array = new Float64Array(size);
  let image: Float64Array = new Float64Array(size);
  let nextImage: Float64Array = new Float64Array(size);
  const best = new Float64Array(size);
  beta[c.indexOf(1)] = 1; // Wolfe's start: the shortest point
  multiplyInto(image, cosines, beta, ridge);
  let multiplier = multiplierOf(image, c, beta);
  let smallest = residualOf(image, c, beta, multiplier, ridge);
  let [iterations, bestMultiplier] = [0, multiplier];
  best.set(beta);
  visited.add(keyOf(beta));
  for (let iteration = 1; iteration <= maxIterationsPerPoint * size; iteration++) {
    const entering = mostViolated(image, c, beta, multiplier, tolerance, barred);
    if (entering < 0) break;
    next.set(beta);
    minimiseWith(cosines, ridge, c, next, entering, work);
    multiplyInto(nextImage, cosines, next, ridge);
    const nextMultiplier = multiplierOf(nextImage, c, next);
    const residual = residualOf(nextImage, c, next, nextMultiplier, ridge);
    if (residual < smallest) {
      [smallest, bestMultiplier, iterations] = [residual, nextMultiplier, iteration];
      best.set(next);
    }
    const key = keyOf(next);
    if (visited.has(key)) {
      // Exact arithmetic never returns to an earlier active set. If rounding does, the violation was noise: try the next
      // one.
      barred[entering] = 1;
    } else {
      visited.add(key);
      barred.fill(0);
      [beta, next, image, nextImage, multiplier] = [next, beta, nextImage, image, nextMultiplier];
    }
  }
  return certify(cosines, c, best, bestMultiplier, iterations);
}

/** Memory for solves of one size, reused between calls, which are synchronous. */
interface Work {
  /** The bordered system of each number of active points, over one buffer. */
  readonly systems: readonly System[];
  /** The unknowns' moves. */
  readonly move: Float64Array;
  readonly active: Int32Array;
}

/** A bordered matrix and its right side. */
interface System {
  readonly matrix: Float64Array;
  readonly right: Float64Array;
}

let lastWork: Work | undefined;

function workFor(size: number): Work {
  if (lastWork?.active.length !== size) {
    const matrix = new Float64Array((size + 1) ** 2);
    const right = new Float64Array(size + 1);
    lastWork = {
      systems: Array.from({ length: size + 1 }, (_, count) => ({
        matrix: matrix.subarray(0, (count + 1) ** 2),
        right: right.subarray(0, count + 1),
      })),
      move: new Float64Array(size),
      active: new Int32Array(size),
    };
  }
  return lastWork;
}

/** Sums of powers of two are exact for as many objectives as a double has bits. */
const mostForNumberKeys = 53;

/** The key that identifies an active set. */
function keyOf(beta: Float64Array): number | string {
  if (beta.length > mostForNumberKeys) return beta.map(Math.sign).join('');
  let key = 0;
  for (let i = 0, bit = 1; i < beta.length; i++, bit *= 2) if (f64(beta, i) > 0) key += bit;
  return key;
}

/** K = 2 in closed form: an end of the segment, or the foot of the perpendicular from the origin. Σβ = 1. */
function nearestOnSegment(cosine: number, c: Float64Array): Float64Array {
  const [c0, c1] = [f64(c, 0), f64(c, 1)];
  if (cosine * c0 >= c1) return Float64Array.of(1, 0);
  if (cosine * c1 >= c0) return Float64Array.of(0, 1);
  const [b0, b1] = [c0 - cosine * c1, c1 - cosine * c0];
  return Float64Array.of(b0 / (b0 + b1), b1 / (b0 + b1));
}

/** The point outside the active set whose condition is violated most, beyond rounding; -1 if there is none. */
function mostViolated(
  image: Float64Array,
  c: Float64Array,
  beta: Float64Array,
  multiplier: number,
  tolerance: number,
  barred: Uint8Array,
): number {
  let entering = -1;
  let worst = -tolerance;
  for (let i = 0; i < c.length; i++) {
    if (f64(beta, i) > 0 || barred[i] !== 0) continue;
    const slack = f64(image, i) - multiplier * f64(c, i);
    if (slack < worst) {
      worst = slack;
      entering = i;
    }
  }
  return entering;
}

/**
 * Wolfe's minor cycle: admit one point, then go to the minimiser over the affine hull of the active points, dropping
 * those whose weight would turn negative on the way. Leaves β with Σβ = 1.
 */
function minimiseWith(
  cosines: Float64Array,
  ridge: number,
  c: Float64Array,
  beta: Float64Array,
  entering: number,
  work: Work,
): void {
  const { active, move } = work;
  let count = 0;
  for (let i = 0; i < beta.length; i++) if (f64(beta, i) > 0 || i === entering) active[count++] = i;
  while (count > 1) {
    const found = affineMinimiser(cosines, ridge, c, beta, count, work);
    // Either a target to move to, or a direction along which the combination stays the same.
    if (found.kind === 'solution') {
      let inside = true;
      for (let k = 0; k < count; k++) inside &&= f64(found.x, k + 1) > 0;
      if (inside) {
        for (let k = 0; k < count; k++) beta[i32(active, k)] = f64(found.x, k + 1);
        break;
      }
      for (let k = 0; k < count; k++) move[k] = f64(found.x, k + 1) - f64(beta, i32(active, k));
    } else {
      const sign = f64(found.z, active.indexOf(entering) + 1) < 0 ? -1 : 1;
      for (let k = 0; k < count; k++) move[k] = sign * f64(found.z, k + 1);
    }
    let step = Infinity;
    let leaving = -1;
    for (let k = 0; k < count; k++) {
      const ratio = f64(beta, i32(active, k)) / -f64(move, k);
      if (f64(move, k) < 0 && ratio < step) [step, leaving] = [ratio, i32(active, k)];
    }
    if (leaving < 0) {
      // Nothing shrinks along a direction that adds nothing: those points alone combine to zero. This is Wolfe's "step
      // without end".
      for (let k = 0; k < count; k++) beta[i32(active, k)] = f64(move, k);
      break;
    }
    for (let k = 0; k < count; k++) {
      const i = i32(active, k);
      beta[i] = Math.max(0, f64(beta, i) + step * f64(move, k));
    }
    beta[leaving] = 0;
    let kept = 0;
    for (let k = 0; k < count; k++) {
      const i = i32(active, k);
      if (f64(beta, i) > 0 || (i === entering && i !== leaving)) active[kept++] = i;
    }
    count = kept;
  }
  let total = 0;
  for (let i = 0; i < beta.length; i++) total += f64(beta, i);
  for (let i = 0; i < beta.length; i++) beta[i] = f64(beta, i) / total;
}

/**
 * The stationary point of βᵀCβ on { cᵀβ = level·scale } over the active points: unknowns (-λ, β), in the bordered
 * matrix [0 ĉᵀ; ĉ C], which stays regular where the active points are affinely independent even if C does not.
 */
function affineMinimiser(
  cosines: Float64Array,
  ridge: number,
  c: Float64Array,
  beta: Float64Array,
  count: number,
  work: Work,
): ReturnType<typeof eliminate> {
  const { active, systems } = work;
  const { matrix, right } = at(systems, count);
  const size = c.length;
  const n = count + 1;
  let scale = 0;
  for (let k = 0; k < count; k++) scale = Math.max(scale, f64(c, i32(active, k)));
  if (scale === 0) scale = 1;
  right.fill(0);
  matrix[0] = 0;
  for (let row = 1; row < n; row++) {
    const i = i32(active, row - 1);
    const border = f64(c, i) / scale;
    right[0] = f64(right, 0) + border * f64(beta, i);
    matrix[row] = border;
    matrix[row * n] = border;
    for (let column = 1; column < n; column++)
      matrix[row * n + column] = f64(cosines, i * size + i32(active, column - 1));
    matrix[row * n + row] = f64(matrix, row * n + row) + ridge;
  }
  return eliminate(matrix, right);
}

/** λ for Σβ = 1, read off the active point with the largest c, where it suffers least from rounding. */
function multiplierOf(image: Float64Array, c: Float64Array, beta: Float64Array): number {
  let sharpest = -1;
  for (let i = 0; i < c.length; i++)
    if (f64(beta, i) > 0 && (sharpest < 0 || f64(c, i) > f64(c, sharpest))) sharpest = i;
  return f64(c, sharpest) > 0 ? Math.max(0, f64(image, sharpest) / f64(c, sharpest)) : 0;
}

/** The largest violation of a condition for Σβ = 1, from the image under the matrix with its ridge. */
function residualOf(
  image: Float64Array,
  c: Float64Array,
  beta: Float64Array,
  multiplier: number,
  ridge: number,
): number {
  let residual = 0;
  for (let i = 0; i < c.length; i++) {
    const slack = f64(image, i) - ridge * f64(beta, i) - multiplier * f64(c, i);
    residual = Math.max(residual, f64(beta, i) > 0 ? Math.abs(slack) : -slack);
  }
  return residual;
}

/** Normalises a solution and measures how well it satisfies the conditions of the matrix as given. */
function certify(
  cosines: Float64Array,
  c: Float64Array,
  beta: Float64Array,
  multiplier: number,
  iterations: number,
): ActiveSetResult {
  const image = new Float64Array(c.length);
  multiplyInto(image, cosines, beta, 0);
  const active: number[] = [];
  let [level, total] = [0, 0];
  for (let i = 0; i < c.length; i++) {
    if (f64(beta, i) > 0) active.push(i);
    level += f64(c, i) * f64(beta, i);
    total += f64(beta, i);
  }
  const lengths = new Float64Array(c.length);
  for (let i = 0; i < lengths.length; i++) lengths[i] = f64(beta, i) / level;
  return {
    lengths,
    multiplier: Math.min(1, multiplier / level),
    residual: residualOf(image, c, beta, multiplier, 0) / total,
    active,
    iterations,
  };
}

/** product ← (C + ridge)·β. */
function multiplyInto(product: Float64Array, cosines: Float64Array, beta: Float64Array, ridge: number): void {
  const size = beta.length;
  for (let i = 0; i < size; i++) {
    let sum = ridge * f64(beta, i);
    for (let j = 0; j < size; j++) sum += f64(cosines, i * size + j) * f64(beta, j);
    product[i] = sum;
  }
}
