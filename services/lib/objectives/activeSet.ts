/**
 * The point of smallest norm in a convex hull, by Wolfe's active-set method (P. Wolfe, "Finding the nearest point in a
 * polytope", Mathematical Programming 11, 1976), in variables in which no gradient is too small to be seen.
 *
 * The hull is that of K points p_i = ℓ_i u_i with unit directions u_i and lengths ℓ_i > 0. A textbook solver works on the
 * simplex weights α and the inner products of the p_i, where lengths of 1 and 10¹² leave nothing of the short ones.
 * Here the unknown is β_i = α_i ℓ_i, how much of the *unit* direction goes in. With C the matrix of cosines and
 * c_i = ℓ_min / ℓ_i in (0, 1], the problem is
 *
 *     minimise βᵀCβ   subject to   cᵀβ = 1,  β ≥ 0
 *
 * and its Karush-Kuhn-Tucker conditions are (Cβ)_i ≥ λ c_i, with equality where β_i > 0: theorem 3.1 of
 * arXiv 2507.01915 divided by ℓ_i. All quantities are of order one, whatever the lengths. As the conditions do not
 * change when β and λ are multiplied by one number, β is kept at Σβ = 1 and normalised to cᵀβ = 1 at the very end.
 */

import { eliminate } from './elimination.js';

/** A minimiser, with how far it is from satisfying the optimality conditions. */
export interface ActiveSetResult {
  /** β, length K, with cᵀβ = 1; exactly 0 off the active set. */
  readonly lengths: Float64Array;
  /** λ = ‖Σ β_i u_i‖² / (cᵀβ)² in units of ℓ_min², in [0, 1]. */
  readonly multiplier: number;
  /** max_i of the violation of condition i, divided by Σβ. Rounding alone leaves some 1e-16. */
  readonly residual: number;
  /** Indices with β > 0, ascending. */
  readonly active: readonly number[];
  /** Times a point was admitted to the active set. */
  readonly iterations: number;
}

/** Violations below this many rounding errors cannot be told from zero. */
const ROUNDING_ERRORS = 8;
const MAX_ITERATIONS_PER_POINT = 64;

/** A solve with a residual above this is repeated on a matrix that rounding cannot have made indefinite. */
const GOOD_RESIDUAL = 1e-12;

/**
 * Added to the diagonal, in rounding errors of K terms, one after the other until the residual is good. Cosines of
 * nearly parallel directions are rounded at 1 - 10⁻¹⁶, where an angle of 10⁻⁸ is lost, and their matrix may then have a
 * small negative eigenvalue and no minimiser at all. The ridge makes it definite again and moves no condition by more
 * than its own size; the residual is always that of the matrix as given.
 */
const RIDGES = [0, 2, 16, 128, 1024];

/**
 * Solves the problem above.
 *
 * @param cosines C, K×K row-major, unit diagonal, positive semidefinite up to rounding
 * @param reciprocals c, length K, in (0, 1], the largest exactly 1
 */
export function nearestPoint(cosines: Float64Array, reciprocals: Float64Array): ActiveSetResult {
  const size = reciprocals.length;
  if (size === 2) {
    const beta = nearestOnSegment(cosines[1]!, reciprocals);
    return certify(cosines, reciprocals, beta, multiplierOf(multiply(cosines, beta), reciprocals, beta), 0);
  }
  let best: ActiveSetResult | undefined;
  for (const ridge of RIDGES) {
    const found = wolfe(cosines, reciprocals, ridge * size * Number.EPSILON);
    if (!best || found.residual < best.residual) best = found;
    if (best.residual <= GOOD_RESIDUAL) break;
  }
  return best!;
}

/** The major cycle: admit the point whose condition is broken most, until none is. */
function wolfe(cosines: Float64Array, c: Float64Array, ridge: number): ActiveSetResult {
  const size = c.length;
  const ridged = Float64Array.from(cosines, (entry, k) => (k % (size + 1) === 0 ? entry + ridge : entry));
  const tolerance = ROUNDING_ERRORS * size * Number.EPSILON;
  let beta: Float64Array = new Float64Array(size);
  beta[c.indexOf(1)] = 1; // Wolfe's start: the shortest point
  let image = multiply(ridged, beta);
  let multiplier = multiplierOf(image, c, beta);
  let best = certify(cosines, c, beta, multiplier, 0);
  const visited = new Set<string>([best.active.join()]);
  const barred = new Set<number>();
  for (let iteration = 1; iteration <= MAX_ITERATIONS_PER_POINT * size; iteration++) {
    const entering = mostViolated(image, c, beta, multiplier, tolerance, barred);
    if (entering === undefined) break;
    const next = minimiseWith(ridged, c, beta, entering);
    const nextImage = multiply(ridged, next);
    const nextMultiplier = multiplierOf(nextImage, c, next);
    const reached = certify(cosines, c, next, nextMultiplier, iteration);
    if (reached.residual < best.residual) best = reached;
    const key = reached.active.join();
    if (visited.has(key)) {
      // Exact arithmetic never returns to an active set. Rounding does: the violation was noise, look at the next one.
      barred.add(entering);
    } else {
      visited.add(key);
      barred.clear();
      [beta, image, multiplier] = [next, nextImage, nextMultiplier];
    }
  }
  return best;
}

/** K = 2 in closed form: an end of the segment, or the foot of the perpendicular from the origin. Σβ = 1. */
function nearestOnSegment(cosine: number, c: Float64Array): Float64Array {
  const [c0, c1] = [c[0]!, c[1]!];
  if (cosine * c0 >= c1) return Float64Array.of(1, 0);
  if (cosine * c1 >= c0) return Float64Array.of(0, 1);
  const [b0, b1] = [c0 - cosine * c1, c1 - cosine * c0];
  return Float64Array.of(b0 / (b0 + b1), b1 / (b0 + b1));
}

/** The point off the active set whose condition is broken most, by more than rounding; undefined when none is. */
function mostViolated(
  image: Float64Array,
  c: Float64Array,
  beta: Float64Array,
  multiplier: number,
  tolerance: number,
  barred: ReadonlySet<number>,
): number | undefined {
  let entering: number | undefined;
  let worst = -tolerance;
  for (let i = 0; i < c.length; i++) {
    if (beta[i]! > 0 || barred.has(i)) continue;
    const slack = image[i]! - multiplier * c[i]!;
    if (slack < worst) {
      worst = slack;
      entering = i;
    }
  }
  return entering;
}

/**
 * Wolfe's minor cycle: admit one point, then go to the minimiser over the affine hull of the active points, dropping
 * those whose weight would turn negative on the way. Returns a new β with Σβ = 1.
 */
function minimiseWith(cosines: Float64Array, c: Float64Array, start: Float64Array, entering: number): Float64Array {
  const beta = Float64Array.from(start);
  let active = Array.from(c.keys()).filter((i) => beta[i]! > 0 || i === entering);
  while (active.length > 1) {
    const largest = active.reduce((most, i) => Math.max(most, c[i]!), 0);
    const scale = largest > 0 ? largest : 1;
    const level = active.reduce((sum, i) => sum + (c[i]! / scale) * beta[i]!, 0);
    const found = affineMinimiser(cosines, c, scale, active, level);
    // Either a target to move to, or a direction along which the combination stays the same.
    const move = new Float64Array(active.length);
    if (found.kind === 'solution') {
      if (active.every((_, k) => found.x[k + 1]! > 0)) {
        active.forEach((i, k) => (beta[i] = found.x[k + 1]!));
        break;
      }
      active.forEach((i, k) => (move[k] = found.x[k + 1]! - beta[i]!));
    } else {
      const sign = found.z[active.indexOf(entering) + 1]! < 0 ? -1 : 1;
      active.forEach((_, k) => (move[k] = sign * found.z[k + 1]!));
    }
    let step = Infinity;
    let leaving = -1;
    active.forEach((i, k) => {
      if (move[k]! < 0 && beta[i]! / -move[k]! < step) {
        step = beta[i]! / -move[k]!;
        leaving = i;
      }
    });
    if (leaving < 0) {
      // Nothing shrinks along a direction that adds nothing: those points alone combine to zero. Wolfe's "step without end".
      active.forEach((i, k) => (beta[i] = move[k]!));
      break;
    }
    active.forEach((i, k) => (beta[i] = Math.max(0, beta[i]! + step * move[k]!)));
    beta[leaving] = 0;
    active = active.filter((i) => beta[i]! > 0 || (i === entering && i !== leaving));
  }
  const total = beta.reduce((sum, b) => sum + b, 0);
  return beta.map((b) => b / total);
}

/**
 * The stationary point of βᵀCβ on { cᵀβ = level·scale } over the active points: unknowns (-λ, β), in the bordered
 * matrix [0 ĉᵀ; ĉ C], which stays regular where the active points are affinely independent even if C does not.
 */
function affineMinimiser(
  cosines: Float64Array,
  c: Float64Array,
  scale: number,
  active: readonly number[],
  level: number,
): ReturnType<typeof eliminate> {
  const size = c.length;
  const n = active.length + 1;
  const matrix = new Float64Array(n * n);
  active.forEach((i, row) => {
    matrix[row + 1] = c[i]! / scale;
    matrix[(row + 1) * n] = c[i]! / scale;
    active.forEach((j, column) => (matrix[(row + 1) * n + column + 1] = cosines[i * size + j]!));
  });
  const right = new Float64Array(n);
  right[0] = level;
  return eliminate(matrix, right);
}

/** λ for Σβ = 1, read off the active point with the largest c, where it suffers least from rounding. */
function multiplierOf(image: Float64Array, c: Float64Array, beta: Float64Array): number {
  let sharpest = -1;
  for (let i = 0; i < c.length; i++) if (beta[i]! > 0 && (sharpest < 0 || c[i]! > c[sharpest]!)) sharpest = i;
  return c[sharpest]! > 0 ? Math.max(0, image[sharpest]! / c[sharpest]!) : 0;
}

/** Normalises a solution and measures how well it satisfies the conditions of the matrix as given. */
function certify(
  cosines: Float64Array,
  c: Float64Array,
  beta: Float64Array,
  multiplier: number,
  iterations: number,
): ActiveSetResult {
  const image = multiply(cosines, beta);
  const active: number[] = [];
  let [residual, level, total] = [0, 0, 0];
  for (let i = 0; i < c.length; i++) {
    const slack = image[i]! - multiplier * c[i]!;
    if (beta[i]! > 0) active.push(i);
    residual = Math.max(residual, beta[i]! > 0 ? Math.abs(slack) : -slack);
    level += c[i]! * beta[i]!;
    total += beta[i]!;
  }
  return {
    lengths: beta.map((b) => b / level),
    multiplier: Math.min(1, multiplier / level),
    residual: residual / total,
    active,
    iterations,
  };
}

function multiply(matrix: Float64Array, vector: Float64Array): Float64Array {
  const size = vector.length;
  const product = new Float64Array(size);
  for (let i = 0; i < size; i++) {
    let sum = 0;
    for (let j = 0; j < size; j++) sum += matrix[i * size + j]! * vector[j]!;
    product[i] = sum;
  }
  return product;
}
