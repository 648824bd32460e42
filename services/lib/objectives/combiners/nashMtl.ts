/** Nash-MTL (Navon et al. 2022, "Multi-Task Learning as a Bargaining Game", arXiv 2202.01017). */

import { at } from '@gapo/numeric';
import type { Gram } from '../gram/gram.js';
import { unitGradients, weightsFromAmounts } from '../gram/unitGradients.js';
import { bargain, stationaryTolerance } from '../solvers/bargaining.js';
import { checkResidual } from '../solvers/certificate.js';
import { minNorm } from '../solvers/minNorm.js';
import { defineCombiner, type Choice } from './combiner.js';

/**
 * d = Σ α_i g_i with G·α = 1/α, α > 0: the bargaining solution, which maximises the product of all progresses ⟨g_i,
 * d⟩ among directions of equal length. Every objective progresses, ‖d‖ = √K whatever the gradients' lengths, and
 * scaling a gradient by t divides its weight by t.
 *
 * In amounts x_i = α_i ‖g_i‖ it is the minimiser of ½ xᵀCx - Σ log x_i, a strictly convex problem that damped Newton
 * steps solve to rounding (the paper solves a sequence of convex approximations).
 *
 * If the policy is Pareto stationary there is no solution, and d = 0, the disagreement point. Zero gradients are
 * omitted: they have nothing to bargain for. The choice's `alpha` is α divided by its sum.
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
  const shares = new Float64Array(size).fill(1);
  const { amounts, residual, steps } = bargain({ cosines, shares, power: 1 });
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
