/**
 * CAGrad's problem: the best worst progress within a ball, in the space of the weights.
 *
 * The paper minimises the dual g_wᵀg₀ + c‖g₀‖‖g_w‖ over the simplex by a general-purpose optimiser. Here the worst
 * progress m is the only unknown of an outer search: for a given m the shortest v = d - g₀ with ⟨g_i, g₀ + v⟩ ≥ m is a
 * non-negative least-squares problem, ‖v‖ grows with m, and on a fixed active set m has a closed form. The last step
 * uses that form, so the result is exact.
 *
 * Units: ‖g₀‖ = 1, unit gradients u_i, and m in multiples of the shortest length, so that condition i reads
 * ⟨u_i, d⟩ ≥ m c_i with c_i = ℓ_min / ℓ_i in (0, 1], and all numbers are of order one.
 */

import { f64, factor, substitute } from '@gapo/numeric';
import { dotProduct, multiply } from '../gram/unitGradients.js';
import { kktTolerance } from './certificate.js';
import { projectOntoCone } from './coneProjection.js';

const maxSteps = 200;

/** The distance from the ball's surface, as a share of its radius, that counts as on it. */
const surfaceTolerance = 1e-13;

/** Amounts beyond this mean that a level of progress cannot be reached. */
const unreachable = 1e9;

/** The problem in its own units. */
export interface Ball {
  readonly cosines: Float64Array;
  /** Amounts of the unit gradients in g₀ / ‖g₀‖. */
  readonly start: Float64Array;
  /** c_i = ℓ_min / ℓ_i. */
  readonly levels: Float64Array;
  readonly radius: number;
  /** No worst progress above 0 exists. */
  readonly stationary: boolean;
}

/** The shortest v that reaches a level. */
export interface Reached {
  /** Amounts of the unit gradients in v. */
  readonly pushes: Float64Array;
  /** ‖v‖. */
  readonly norm: number;
  readonly residual: number;
}

/** The direction with the best worst progress. */
export interface BestWorst extends Reached {
  /** Whether the ball binds. */
  readonly onSurface: boolean;
  /** Steps of the search. */
  readonly steps: number;
}

/** Searches for the level of the worst progress. */
export function bestWorst(ball: Ball): BestWorst {
  const { cosines, start, levels, radius } = ball;
  const along = multiply(cosines, start); // ⟨u_i, g₀⟩ / ‖g₀‖
  const terms = start.reduce((sum, t) => sum + t, 0);
  const reach = (level: number): Reached | undefined => {
    const { pushes, residual } = projectOntoCone(
      cosines,
      along.map((b, i) => b - level * f64(levels, i)),
      terms,
    );
    const sum = pushes.reduce((total, x) => total + x, 0);
    if (!(residual <= kktTolerance) || sum > unreachable * terms) return undefined;
    return { pushes, residual, norm: Math.sqrt(Math.max(0, dotProduct(pushes, multiply(cosines, pushes)))) };
  };
  // Levels up to the worst progress along g₀ itself need no v; the ball bounds the others.
  const free = Math.min(...along.map((b, i) => b / f64(levels, i)));
  const bound = Math.min(...along.map((b, i) => (b + radius) / f64(levels, i)));
  let low = ball.stationary ? Math.min(0, free) : free;
  let high = ball.stationary ? Math.min(0, bound) : bound;
  let best: Reached = { pushes: new Float64Array(start.length), norm: 0, residual: 0 };
  const first = high >= 0 && low < 0 ? reach(0) : undefined;
  if (first && first.norm <= radius) [low, best] = [0, first];
  else if (first) high = 0;
  let current: Reached | undefined = first ?? best;
  let tried = NaN;
  let steps = 0;
  for (; steps < maxSteps && high - low > 4 * Number.EPSILON * Math.max(Math.abs(low), Math.abs(high)); steps++) {
    const guess = current && levelOnSurface(ball, along, current.pushes);
    if (current && guess !== undefined && Math.abs(guess - tried) <= 4 * Number.EPSILON * Math.abs(tried)) {
      best = current; // the closed form reproduces itself: the rest of ‖v‖ - c is rounding
      break;
    }
    const inside = guess !== undefined && guess > low && guess <= high;
    const level = inside && guess !== tried ? guess : (low + high) / 2;
    current = reach(level);
    tried = level;
    if (current && Math.abs(current.norm - radius) <= surfaceTolerance * radius) {
      best = current;
      break;
    }
    if (current && current.norm <= radius) [low, best] = [level, current];
    else high = level;
  }
  const size = terms + best.pushes.reduce((sum, x) => sum + x, 0);
  const onSurface = !(ball.stationary && low === 0 && best.norm < radius);
  // xᵀCx is a sum of terms as large as (Σx)², of which rounding takes that much.
  const offSurface = onSurface ? Math.abs(best.norm * best.norm - radius * radius) / (size * size) : 0;
  return { ...best, residual: Math.max(best.residual, offSurface), onSurface, steps };
}

/**
 * The level m at which the minimiser over the span of the active ones has norm c: v = C_A⁻¹(m·c - b)_A has ‖v‖² =
 * m²·cᵀC⁻¹c - 2m·cᵀC⁻¹b + bᵀC⁻¹b, of which the larger root is taken.
 */
function levelOnSurface(ball: Ball, along: Float64Array, pushes: Float64Array): number | undefined {
  const { cosines, levels, radius } = ball;
  let active = Array.from(pushes.keys()).filter((k) => f64(pushes, k) > 0);
  if (active.length === 0) {
    const ratios = along.map((b, i) => b / f64(levels, i));
    active = [ratios.indexOf(Math.min(...ratios))]; // the first to need a push
  }
  const n = active.length;
  const size = pushes.length;
  const matrix = new Float64Array(n * n);
  active.forEach((i, row) => active.forEach((j, column) => (matrix[row * n + column] = f64(cosines, i * size + j))));
  if (!factor(matrix, n)) return undefined;
  const c = Float64Array.from(active, (i) => f64(levels, i));
  const b = Float64Array.from(active, (i) => f64(along, i));
  const [solvedC, solvedB] = [Float64Array.from(c), Float64Array.from(b)];
  substitute(matrix, n, solvedC);
  substitute(matrix, n, solvedB);
  const quadratic = dotProduct(c, solvedC);
  const half = dotProduct(c, solvedB);
  const discriminant = half * half - quadratic * (dotProduct(b, solvedB) - radius * radius);
  if (!(discriminant >= 0)) return undefined;
  return (half + Math.sqrt(discriminant)) / quadratic;
}
