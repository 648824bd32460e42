/** FairGrad (Ban and Ji 2024, "Fair Resource Allocation in Multi-Task Learning", arXiv 2402.15638). */

import { at } from '@gapo/numeric';
import type { Gram } from '../gram/gram.js';
import { dotProduct, multiply, unitGradients, weightsFromAmounts } from '../gram/unitGradients.js';
import { bargain, stationaryTolerance } from '../solvers/bargaining.js';
import { checkResidual } from '../solvers/certificate.js';
import { minNorm } from '../solvers/minNorm.js';
import { defineCombiner, type Choice } from './combiner.js';
import { nonNegativeNumber } from './settings.js';

/** Options of {@link fairgrad}. */
export interface FairgradOptions {
  /** The fairness α ≥ 0. @default 2 */
  readonly fairness?: number;
}

const defaultFairness = 2;

/**
 * d = Σ w_i g_i maximises Σ ⟨g_i, d⟩^(1 - α) / (1 - α), the α-fair utility of the progresses, among directions of one
 * length: (G·w)_i = w_i^(-1/α), w > 0. α = 0 is the mean of the gradients, α = 1 the Nash bargaining solution
 * (`nash-mtl`), and a large α approaches the best worst progress.
 *
 * In amounts x_i = w_i ‖g_i‖ and with q = 1/α that is (C·x)_i = ‖g_i‖^(q - 1) x_i^-q, a convex problem. If the policy
 * is Pareto stationary there is no solution, and d = 0. Zero gradients are omitted. The choice's `alpha` is w divided
 * by its sum.
 */
export const fairgrad = defineCombiner({
  summary: 'the α-fair allocation of progress: between the mean, the Nash bargaining solution and the best worst case',
  source: 'Ban and Ji 2024, arXiv 2402.15638',
  settings: {
    fairness: nonNegativeNumber
      .default(defaultFairness)
      .describe('α: 0 is the mean of the gradients, 1 is `nash-mtl`, a large one the best worst progress.'),
  },
  options: ({ fairness }): FairgradOptions => ({ fairness }),
  choose: chooseFairgrad,
});

function chooseFairgrad(gram: Gram, { fairness = defaultFairness }: FairgradOptions): Choice {
  if (!(fairness >= 0 && Number.isFinite(fairness))) {
    throw new RangeError(`fairgrad: fairness is ${fairness}, expected a finite number of at least 0`);
  }
  const all = gram.names.length;
  const units = unitGradients(gram);
  const { kept, leftOut, lengths, cosines } = units;
  const even = new Float64Array(all).fill(1 / all);
  if (fairness === 0) return { alpha: even, weights: Float64Array.from(even), leftOut: [], certificate: null };
  const restricted = { names: kept.map((i) => at(gram.names, i)), values: cosines };
  if (kept.length === 0 || minNorm(restricted).certificate.squaredNorm <= stationaryTolerance) {
    const certificate = { relativeResidual: 0, squaredNorm: 0, active: [], iterations: 0 };
    return { alpha: even, weights: new Float64Array(all), leftOut, certificate };
  }
  const power = 1 / fairness;
  // In units of the longest gradient: with lengths t times as large the weights are t^(-2 / (1 + q)) times as large.
  const longest = lengths.reduce((most, length) => Math.max(most, length), 0);
  const relative = lengths.map((length) => length / longest);
  const shares = relative.map((length) => Math.pow(length, power - 1));
  const { amounts, residual, steps } = bargain({ cosines, shares, power });
  checkResidual('fairgrad', gram, residual);
  const raw = weightsFromAmounts(all, { ...units, lengths: relative }, amounts);
  const scale = Math.pow(longest, -2 / (1 + power));
  const sum = raw.reduce((total, w) => total + w, 0);
  const squaredNorm = dotProduct(amounts, multiply(cosines, amounts)) * (scale * longest) ** 2;
  return {
    alpha: raw.map((w) => w / sum),
    weights: raw.map((w) => finiteWeight(gram, w * scale)),
    leftOut,
    certificate: { relativeResidual: residual, squaredNorm, active: kept, iterations: steps },
  };
}

function finiteWeight(gram: Gram, weight: number): number {
  if (Number.isFinite(weight)) return weight;
  throw new RangeError(`fairgrad: a weight of ${gram.names.join(', ')} is beyond float64; use a larger fairness`);
}
