/**
 * CAGrad (Liu et al. 2021, "Conflict-Averse Gradient Descent for Multi-task Learning", arXiv 2110.14048): the direction
 * with the best worst progress near the mean gradient g₀,
 *
 *     maximise min_i ⟨g_i, d⟩   subject to   ‖d - g₀‖ ≤ c ‖g₀‖.
 */

import { at, f64 } from '@gapo/numeric';
import type { Gram } from '../gram/gram.js';
import { dotProduct, multiply, unitGradients, weightsFromAmounts } from '../gram/unitGradients.js';
import { nearestPoint } from '../solvers/activeSet.js';
import { bestWorst } from '../solvers/bestWorst.js';
import { checkResidual } from '../solvers/certificate.js';
import { minNorm } from '../solvers/minNorm.js';
import { defineCombiner, type Choice } from './combiner.js';
import { nonNegativeNumber } from './settings.js';

/** Options of {@link cagrad}. */
export interface CagradOptions {
  /** Radius of the ball in lengths of the mean gradient, c ≥ 0; convergence is proven for c < 1. @default 0.5 */
  readonly radius?: number;
}

const defaultRadius = 0.5;

/**
 * If unit gradients can be combined to a squared norm of at most this, the policy is Pareto stationary as far as
 * float64 inner products can tell, and no worst progress above 0 is sought.
 */
const stationaryTolerance = 1e-12;

/**
 * d = g₀ + c‖g₀‖ g_w / ‖g_w‖ for the w on the simplex (α) that solves the dual. Scaling all gradients by t scales d by
 * t; long gradients dominate g₀. For c < 1 it converges to a minimum of the mean objective, so it may hurt an objective
 * where the policy is Pareto stationary; c = 0 is the mean. Where the worst progress is 0 because the policy is Pareto
 * stationary, d is the nearest to g₀ of the directions that hurt no objective.
 */
export const cagrad = defineCombiner({
  summary: 'the best worst case in a ball around the mean gradient',
  source: 'Liu et al. 2021, arXiv 2110.14048',
  settings: {
    radius: nonNegativeNumber
      .default(defaultRadius)
      .describe('Radius of the ball, in lengths of the mean gradient. Convergence is proven below 1.'),
  },
  options: ({ radius }): CagradOptions => ({ radius }),
  choose: chooseCagrad,
});

function chooseCagrad(gram: Gram, { radius = defaultRadius }: CagradOptions): Choice {
  const size = gram.names.length;
  return conflictAverse('cagrad', gram, new Float64Array(size).fill(1 / size), radius);
}

/**
 * The direction of {@link cagrad} around g₀ = Σ λ_i g_i.
 *
 * @param method names the combiner in messages
 * @param shares λ on the simplex, length K
 * @param radius c ≥ 0
 * @throws RangeError for an unusable radius, or if no certificate is reached
 */
export function conflictAverse(method: string, gram: Gram, shares: Float64Array, radius: number): Choice {
  if (!(radius >= 0 && Number.isFinite(radius))) {
    throw new RangeError(`${method}: radius is ${radius}, expected a finite number of at least 0`);
  }
  const all = gram.names.length;
  const units = unitGradients(gram);
  const { kept, leftOut, lengths, cosines } = units;
  const longest = lengths.reduce((most, length) => Math.max(most, length), 0);
  const relative = lengths.map((length, k) => (length / longest) * f64(shares, at(kept, k)));
  const meanSquared = dotProduct(relative, multiply(cosines, relative));
  const total = relative.reduce((sum, t) => sum + t, 0);
  // Below this, g₀ is zero up to rounding: there is no ball, and nothing to gain from one.
  const noMean = !(meanSquared > 4 * kept.length * Number.EPSILON * total * total);
  if (noMean || radius === 0) {
    const weights = noMean ? new Float64Array(all) : Float64Array.from(shares);
    const squaredNorm = noMean ? 0 : meanSquared * longest * longest;
    for (const i of leftOut) weights[i] = 0;
    return {
      alpha: shares,
      weights,
      leftOut,
      certificate: { relativeResidual: 0, squaredNorm, active: [], iterations: 0 },
    };
  }
  const meanNorm = Math.sqrt(meanSquared);
  const shortest = lengths.reduce((least, length) => Math.min(least, length), Infinity);
  const levels = lengths.map((length) => shortest / length);
  const found = bestWorst({
    cosines,
    start: relative.map((t) => t / meanNorm),
    levels,
    radius,
    stationary: leftOut.length > 0 || touchesOrigin(cosines, levels),
  });
  checkResidual(method, gram, found.residual);
  // Amounts are in units of ‖g₀‖; the part of g₀ is exactly λ_i for each.
  const scale = meanNorm * longest;
  const pushes = weightsFromAmounts(
    all,
    units,
    found.pushes.map((x) => x * scale),
  );
  const weights = pushes.map((w, i) => (leftOut.includes(i) ? 0 : w + f64(shares, i)));
  const amounts = found.pushes.map((x, k) => (x + f64(relative, k) / meanNorm) * scale);
  return {
    alpha: dualWeights(gram, pushes, found.onSurface),
    weights,
    leftOut,
    certificate: {
      relativeResidual: found.residual,
      squaredNorm: Math.max(0, dotProduct(amounts, multiply(cosines, amounts))),
      active: kept.filter((_, k) => f64(found.pushes, k) > 0),
      iterations: found.steps,
    },
  };
}

/** Whether the hull of the gradients contains the origin, up to rounding and in proportion to what is combined. */
function touchesOrigin(cosines: Float64Array, levels: Float64Array): boolean {
  const { lengths, multiplier } = nearestPoint(cosines, levels);
  const sum = lengths.reduce((total, length) => total + length, 0);
  return multiplier <= stationaryTolerance * sum * sum;
}

/** w on the simplex: the pushes, normalised; where the ball does not bind, the combination that vanishes. */
function dualWeights(gram: Gram, pushes: Float64Array, onSurface: boolean): Choice['alpha'] {
  const sum = pushes.reduce((total, w) => total + w, 0);
  return onSurface && sum > 0 ? pushes.map((w) => w / sum) : minNorm(gram).alpha;
}
