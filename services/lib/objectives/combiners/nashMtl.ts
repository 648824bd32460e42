/** Nash-MTL (Navon et al. 2022, "Multi-Task Learning as a Bargaining Game", arXiv 2202.01017). */

import { at, f64, factor, substitute } from '@gapo/numeric';
import type { Gram } from '../gram/gram.js';
import { dotProduct, multiply, unitGradients, weightsFromAmounts } from '../gram/unitGradients.js';
import { checkResidual } from '../solvers/certificate.js';
import { minNorm } from '../solvers/minNorm.js';
import { defineCombiner, type Choice } from './combiner.js';

/**
 * Where unit gradients can be combined to a squared norm of this or less, the policy is Pareto stationary as far as
 * float64 inner products can tell: the weights would be beyond 10⁶ and their products with them noise.
 */
const stationaryTolerance = 1e-12;
const maxSteps = 200;

/**
 * d = Σ α_i g_i with G·α = 1/α, α > 0: the bargaining solution, at which the product of all progresses ⟨g_i, d⟩ among
 * directions of one length is largest. Every objective progresses, ‖d‖ = √K whatever the gradients' lengths, and
 * scaling a gradient by t divides its weight by t.
 *
 * In amounts x_i = α_i ‖g_i‖ it is the minimiser of ½ xᵀCx - Σ log x_i, a strictly convex problem that damped Newton
 * steps solve to rounding (the paper solves a sequence of convex approximations).
 *
 * There is no solution where the policy is Pareto stationary: d = 0 then, the point of disagreement. Zero gradients
 * are left out: they can bargain for nothing. The choice's `alpha` is α divided by its sum.
 */
export const nashMtl = defineCombiner({
  summary: 'the Nash bargaining solution: weight times progress is the same for every objective',
  source: 'Navon et al. 2022, arXiv 2202.01017',
  settings: {},
  options: () => ({}),
  choose: chooseNashMtl,
});

function chooseNashMtl(gram: Gram): Choice {
  const all = gram.names.length;
  const units = unitGradients(gram);
  const { kept, leftOut, cosines } = units;
  const size = kept.length;
  const restricted = { names: kept.map((i) => at(gram.names, i)), values: cosines };
  if (size === 0 || minNorm(restricted).certificate.squaredNorm <= stationaryTolerance) {
    const certificate = { relativeResidual: 0, squaredNorm: 0, active: [], iterations: 0 };
    return { alpha: new Float64Array(all).fill(1 / all), weights: new Float64Array(all), leftOut, certificate };
  }
  const { amounts, residual, steps } = bargain(cosines, size);
  checkResidual('nash-mtl', gram, residual);
  const weights = weightsFromAmounts(all, units, amounts);
  const shortest = units.lengths.reduce((least, length) => Math.min(least, length), Infinity);
  const raw = weights.map((w) => w * shortest);
  const sum = raw.reduce((total, w) => total + w, 0);
  return {
    alpha: raw.map((w) => w / sum),
    weights,
    leftOut,
    certificate: { relativeResidual: residual, squaredNorm: size, active: kept, iterations: steps },
  };
}

function bargain(cosines: Float64Array, size: number): { amounts: Float64Array; residual: number; steps: number } {
  const ones = new Float64Array(size).fill(1);
  const level = dotProduct(ones, multiply(cosines, ones));
  let x: Float64Array = new Float64Array(size).fill(Math.sqrt(size / Math.max(level, stationaryTolerance)));
  let best = { amounts: x, residual: residualOf(cosines, x), steps: 0 };
  const hessian = new Float64Array(size * size);
  for (let steps = 1; steps <= maxSteps; steps++) {
    // In y = x / (current x) the Hessian is D·C·D + 1 with D = diag(x): well conditioned whatever the amounts.
    const image = multiply(cosines, x);
    const step = new Float64Array(size);
    for (let i = 0; i < size; i++) {
      for (let j = 0; j < size; j++) hessian[i * size + j] = f64(x, i) * f64(cosines, i * size + j) * f64(x, j);
      hessian[i * size + i] = f64(hessian, i * size + i) + 1;
      step[i] = 1 - f64(x, i) * f64(image, i);
    }
    const slope = Float64Array.from(step);
    if (!factor(hessian, size)) break;
    substitute(hessian, size, step);
    const decrement = Math.sqrt(Math.max(0, dotProduct(slope, step)));
    // The function is self-concordant: this length always decreases it, and is 1 near the solution.
    const length = decrement > 0.25 ? lineSearch(cosines, x, step, 1 / (1 + decrement)) : 1;
    x = x.map((value, i) => value * (1 + length * f64(step, i)));
    const residual = residualOf(cosines, x);
    if (residual < best.residual) best = { amounts: x, residual, steps };
    else if (decrement < 1e-6) break;
    if (residual === 0) break;
  }
  return best;
}

/** Doubles the safe step length as long as the function keeps falling and no amount turns negative. */
function lineSearch(cosines: Float64Array, x: Float64Array, step: Float64Array, safe: number): number {
  const valueAt = (length: number): number => {
    const moved = x.map((value, i) => value * (1 + length * f64(step, i)));
    if (moved.some((value) => !(value > 0))) return Infinity;
    let value = dotProduct(moved, multiply(cosines, moved)) / 2;
    for (let i = 0; i < moved.length; i++) value -= Math.log(f64(moved, i));
    return value;
  };
  let [length, value] = [safe, valueAt(safe)];
  for (;;) {
    const next = valueAt(2 * length);
    if (!(next < value)) return length;
    [length, value] = [2 * length, next];
  }
}

/** max_i |x_i (C·x)_i - 1| / (x_i Σ_j x_j). */
function residualOf(cosines: Float64Array, x: Float64Array): number {
  const image = multiply(cosines, x);
  const sum = x.reduce((total, value) => total + value, 0);
  return x.reduce((most, value, i) => Math.max(most, Math.abs(value * f64(image, i) - 1) / (value * sum)), 0);
}
