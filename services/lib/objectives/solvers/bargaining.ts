/**
 * The fair allocation of progress among objectives: x > 0 with (C·x)_i = b_i / x_i^q for the cosines C of their gradients. It is
 * the minimiser of the strictly convex ½ xᵀCx - Σ b_i h(x_i) with h′(x) = x^-q, found by damped Newton steps.
 */

import { f64, factor, substitute } from '@gapo/numeric';
import { dotProduct, multiply } from '../gram/unitGradients.js';

const maxSteps = 200;

/**
 * If unit gradients can be combined to a squared norm of at most this, the policy is Pareto stationary as far as float64 inner
 * products can tell: the amounts would exceed 10⁶, and their products with the cosines would be noise.
 */
export const stationaryTolerance = 1e-12;

/** The problem of K' unit gradients whose hull does not contain the origin. */
export interface Bargain {
  /** [K', K'], unit diagonal. */
  readonly cosines: Float64Array;
  /** b > 0, length K'. */
  readonly shares: Float64Array;
  /** q > 0: 1 is the Nash bargaining solution. */
  readonly power: number;
}

/** Its solution. */
export interface Bargained {
  /** x, length K'. */
  readonly amounts: Float64Array;
  /** max_i |(C·x)_i - b_i / x_i^q| / Σ_j x_j. */
  readonly residual: number;
  readonly steps: number;
}

/** Solves the problem as far as rounding allows; the residual says how far. */
export function bargain({ cosines, shares, power }: Bargain): Bargained {
  const size = shares.length;
  const level = Math.max(Number.EPSILON, sumOf(multiply(cosines, new Float64Array(size).fill(1))));
  let x: Float64Array = new Float64Array(size).fill(Math.pow(sumOf(shares) / level, 1 / (1 + power)));
  const problem = { cosines, shares, power };
  let best: Bargained = { amounts: x, residual: residualOf(problem, x), steps: 0 };
  const hessian = new Float64Array(size * size);
  for (let steps = 1; steps <= maxSteps; steps++) {
    // In y = x / (current x) the Hessian is D·C·D + q·diag(u) with D = diag(x): well conditioned whatever the amounts.
    const image = multiply(cosines, x);
    const step = new Float64Array(size);
    for (let i = 0; i < size; i++) {
      const u = f64(shares, i) * Math.pow(f64(x, i), 1 - power);
      for (let j = 0; j < size; j++) hessian[i * size + j] = f64(x, i) * f64(cosines, i * size + j) * f64(x, j);
      hessian[i * size + i] = f64(hessian, i * size + i) + power * u;
      step[i] = u - f64(x, i) * f64(image, i);
    }
    if (!factor(hessian, size)) break;
    substitute(hessian, size, step);
    const largest = step.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    if (!Number.isFinite(largest)) break;
    const length = largest > 0.25 ? lineSearch(problem, x, step, 1 / (1 + largest)) : 1;
    x = x.map((value, i) => value * (1 + length * f64(step, i)));
    const residual = residualOf(problem, x);
    if (residual < best.residual) best = { amounts: x, residual, steps };
    else if (largest < 1e-6) break;
    if (residual === 0) break;
  }
  return best;
}

/**
 * Halves the safe step length until the function decreases, or doubles it as long as it keeps decreasing; no amount becomes
 * negative.
 */
function lineSearch(problem: Bargain, x: Float64Array, step: Float64Array, safe: number): number {
  const valueAt = (length: number): number => {
    const moved = x.map((value, i) => value * (1 + length * f64(step, i)));
    return moved.some((value) => !(value > 0)) ? Infinity : valueOf(problem, moved);
  };
  const start = valueOf(problem, x);
  let [length, value] = [safe, valueAt(safe)];
  while (!(value < start) && length > Number.EPSILON) {
    length /= 2;
    value = valueAt(length);
  }
  for (;;) {
    const next = valueAt(2 * length);
    if (!(next < value)) return length;
    [length, value] = [2 * length, next];
  }
}

/** ½ xᵀCx - Σ b_i h(x_i), h(x) = log x for q = 1, else x^(1 - q) / (1 - q). */
function valueOf({ cosines, shares, power }: Bargain, x: Float64Array): number {
  let value = dotProduct(x, multiply(cosines, x)) / 2;
  for (let i = 0; i < x.length; i++) {
    const h = power === 1 ? Math.log(f64(x, i)) : Math.pow(f64(x, i), 1 - power) / (1 - power);
    value -= f64(shares, i) * h;
  }
  return value;
}

function residualOf({ cosines, shares, power }: Bargain, x: Float64Array): number {
  const image = multiply(cosines, x);
  const sum = sumOf(x);
  return image.reduce((most, reached, i) => {
    const wanted = f64(shares, i) * Math.pow(f64(x, i), -power);
    return Math.max(most, Math.abs(reached - wanted) / sum);
  }, 0);
}

function sumOf(values: Float64Array): number {
  return values.reduce((total, value) => total + value, 0);
}
