/**
 * The direction nearest to a given one among those that hurt no objective, in the space of the weights.
 *
 * For a direction d₀ = Σ t_j u_j of unit gradients u_j, the nearest d with ⟨u_i, d⟩ ≥ 0 for all i is d₀ + Σ y_i u_i for
 * the y ≥ 0 that minimises its norm (projection onto the dual cone of the gradients; Moreau's decomposition). With C
 * the matrix of cosines and b = C·t it is the non-negative least-squares problem
 *
 *     minimise ½ yᵀCy + bᵀy   subject to   y ≥ 0
 *
 * whose Karush-Kuhn-Tucker conditions are (Cy + b)_i ≥ 0 with equality where y_i > 0. It is solved by the active-set
 * method of Lawson and Hanson ("Solving least squares problems", 1974, chapter 23), on the normal equations.
 */

import { f64, factor, substitute } from '@gapo/numeric';
import { solveWithRidges } from './ridges.js';

/** A minimiser, with how far it is from satisfying the conditions. */
export interface ConeProjection {
  /** y ≥ 0, length K'; exactly 0 off the active set. */
  readonly pushes: Float64Array;
  /** C·y + b, length K': progress of each unit gradient along the projected direction. */
  readonly progress: Float64Array;
  /** Largest violation of a condition, divided by `terms` + Σy. */
  readonly residual: number;
  /** Constraints admitted to the active set on the way. */
  readonly iterations: number;
}

/** Violations below this many rounding errors are indistinguishable from zero. */
const roundingErrors = 8;
const maxIterationsPerConstraint = 16;

/** Ridges to try, in rounding errors of K' terms. */
const ridges = [0, 16, 256, 4096] as const;

/**
 * Solves the problem above.
 *
 * @param cosines C, K'×K' row-major, unit diagonal, positive semidefinite up to rounding
 * @param linear b, length K'
 * @param terms magnitude of the terms summed in b (Σ|t_j|), > 0: the unit of all tolerances
 */
export function projectOntoCone(cosines: Float64Array, linear: Float64Array, terms: number): ConeProjection {
  const unit = linear.length * Number.EPSILON;
  return solveWithRidges(ridges, (ridge) => activeSet(cosines, linear, terms, ridge * unit));
}

function activeSet(cosines: Float64Array, linear: Float64Array, terms: number, ridge: number): ConeProjection {
  const size = linear.length;
  const barred = new Uint8Array(size);
  const scratch = new Float64Array(size * size);
  const target = new Float64Array(size);
  let passive: number[] = [];
  let y: Float64Array = new Float64Array(size);
  let progress = Float64Array.from(linear);
  let best = certify(y, progress, terms, 0);
  const visited = new Set<string>(['']);
  for (let iteration = 1; iteration <= maxIterationsPerConstraint * size; iteration++) {
    const entering = mostViolated(progress, passive, barred, roundingErrors * size * Number.EPSILON * (terms + sum(y)));
    if (entering < 0) break;
    const next = Float64Array.from(y);
    const members = minimise(cosines, linear, ridge, next, passive, entering, scratch, target);
    if (members === undefined) {
      // A direction spanned by the active ones cannot be violated; the apparent violation was rounding.
      barred[entering] = 1;
      continue;
    }
    const nextProgress = progressAt(cosines, linear, next);
    const reached = certify(next, nextProgress, terms, iteration);
    if (reached.residual < best.residual) best = reached;
    const key = [...members].sort((a, b) => a - b).join();
    if (visited.has(key)) {
      barred[entering] = 1; // exact arithmetic never returns to an earlier active set
    } else {
      visited.add(key);
      barred.fill(0);
      [passive, y, progress] = [members, next, nextProgress];
    }
  }
  return best;
}

/** The constraint violated most, beyond the tolerance; -1 if there is none. */
function mostViolated(
  progress: Float64Array,
  passive: readonly number[],
  barred: Uint8Array,
  tolerance: number,
): number {
  let [entering, worst] = [-1, -tolerance];
  for (let i = 0; i < progress.length; i++) {
    if (f64(progress, i) < worst && barred[i] === 0 && !passive.includes(i)) {
      worst = f64(progress, i);
      entering = i;
    }
  }
  return entering;
}

/**
 * Goes from y to the minimiser over the span of the members, dropping those that would turn negative on the way.
 *
 * @param y overwritten by the minimiser
 * @param passive the active constraints so far, to which `entering` is added
 * @returns the remaining members, or undefined if the matrix of the members is singular
 */
function minimise(
  cosines: Float64Array, // [K', K']
  linear: Float64Array, // [K']
  ridge: number,
  y: Float64Array, // [K']
  passive: readonly number[],
  entering: number,
  scratch: Float64Array, // at least [members, members]
  target: Float64Array, // at least [members]
): number[] | undefined {
  const size = linear.length;
  let members = [...passive, entering];
  while (members.length > 0) {
    const n = members.length;
    for (const [row, i] of members.entries()) {
      for (const [column, j] of members.entries()) scratch[row * n + column] = f64(cosines, i * size + j);
      scratch[row * n + row] = f64(scratch, row * n + row) + ridge;
      target[row] = -f64(linear, i);
    }
    if (!factor(scratch, n)) return undefined;
    substitute(scratch, n, target);
    let step = 1;
    let leaving = -1;
    for (const [k, i] of members.entries()) {
      if (f64(target, k) > 0) continue;
      const current = f64(y, i);
      const fraction = current > 0 ? current / (current - f64(target, k)) : 0;
      if (leaving < 0 || fraction < step) [step, leaving] = [fraction, i];
    }
    if (leaving < 0) {
      for (const [k, i] of members.entries()) y[i] = f64(target, k);
      return members;
    }
    for (const [k, i] of members.entries()) y[i] = Math.max(0, f64(y, i) + step * (f64(target, k) - f64(y, i)));
    y[leaving] = 0;
    members = members.filter((i) => f64(y, i) > 0 || (i === entering && i !== leaving));
  }
  return members;
}

function progressAt(cosines: Float64Array, linear: Float64Array, y: Float64Array): Float64Array<ArrayBuffer> {
  const size = linear.length;
  const progress = Float64Array.from(linear);
  for (let j = 0; j < size; j++) {
    const push = f64(y, j);
    if (push === 0) continue;
    for (let i = 0; i < size; i++) progress[i] = f64(progress, i) + f64(cosines, j * size + i) * push;
  }
  return progress;
}

function certify(y: Float64Array, progress: Float64Array, terms: number, iterations: number): ConeProjection {
  let residual = 0;
  for (let i = 0; i < y.length; i++) {
    residual = Math.max(residual, f64(y, i) > 0 ? Math.abs(f64(progress, i)) : -f64(progress, i));
  }
  return { pushes: y, progress, residual: residual / (terms + sum(y)), iterations };
}

function sum(values: Float64Array): number {
  let total = 0;
  for (let k = 0; k < values.length; k++) total += f64(values, k);
  return total;
}
