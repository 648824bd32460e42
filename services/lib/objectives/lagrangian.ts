/**
 * One objective under constraints on the others: Safe RLHF's PPO-Lagrangian (Dai et al. 2023, arXiv 2310.12773), with
 * its multipliers as plain state.
 */

import type { Combiner } from './combiner.js';
import { checkWeights } from './combiner.js';

/**
 * d = (g_r + Σ λ_i g_i) / (1 + Σ λ_i), the gradient of the normalised Lagrangian, where r is the objective to maximise.
 *
 * All gradients are ascent gradients, those of constraints too: a cost enters as an objective whose rewards are minus
 * the costs, so that this is the paper's (A_r - λ A_c) / (1 + λ). Weights do not depend on the gradients.
 */
export const lagrangian: Combiner<'lagrangian'> = (gram, { objective, multipliers }) => {
  const { names } = gram;
  if (!Number.isInteger(objective) || objective < 0 || objective >= names.length) {
    const choices = names.map((name, i) => `${i} (${name})`).join(', ');
    throw new RangeError(`lagrangian: objective is ${objective}, expected an index: ${choices}`);
  }
  const given = Float64Array.from(multipliers);
  if (given.length === names.length && given[objective] !== 0) {
    throw new RangeError(
      `multipliers: the number for ${names[objective]} is ${given[objective]}; it is the objective, not a constraint: use 0`,
    );
  }
  if (given.length === names.length) given[objective] = 1;
  const sum = checkWeights(gram, 'multipliers', given);
  const weights = given.map((multiplier) => multiplier / sum);
  return { alpha: Float64Array.from(weights), weights, leftOut: [], certificate: null };
};

/** The multiplier of one constraint "mean cost of an episode ≤ limit", as plain data that a checkpoint holds as it is. */
export interface MultiplierState {
  /** λ > 0, the current value. */
  readonly multiplier: number;
  /** d, the largest mean cost of an episode that is acceptable, in units of the cost. */
  readonly limit: number;
  /** Step size of log λ, > 0. */
  readonly learningRate: number;
  /** λ never exceeds this, > 0. @default no bound */
  readonly maximum?: number;
}

/**
 * The multiplier after a batch: log λ ← log λ + lr·λ·(mean episode cost - d), the gradient step on log λ of the
 * Lagrangian (Safe RLHF). It grows while the constraint is broken and shrinks, staying above 0, while it holds.
 *
 * @param meanEpisodeCost mean over completions of their cost; for an objective that is minus a cost, minus its mean reward
 * @throws RangeError naming the field or number that is unusable, also where λ would leave the range of float64
 */
export function updateMultiplier(state: MultiplierState, meanEpisodeCost: number): MultiplierState {
  const { multiplier, limit, learningRate, maximum = Infinity } = state;
  const positive = { multiplier, 'learning rate': learningRate };
  for (const [field, value] of Object.entries(positive)) {
    if (!(value > 0 && Number.isFinite(value))) {
      throw new RangeError(`Lagrange multiplier: ${field} is ${value}, expected a finite number above 0`);
    }
  }
  if (!(maximum > 0)) throw new RangeError(`Lagrange multiplier: maximum is ${maximum}, expected a number above 0`);
  for (const [field, value] of Object.entries({ limit, 'mean episode cost': meanEpisodeCost })) {
    if (!Number.isFinite(value)) {
      throw new RangeError(`Lagrange multiplier: ${field} is ${value}, expected a finite number`);
    }
  }
  const next = Math.min(maximum, multiplier * Math.exp(learningRate * multiplier * (meanEpisodeCost - limit)));
  if (!(next > 0 && Number.isFinite(next))) {
    throw new RangeError(
      `Lagrange multiplier: a step from ${multiplier} with cost ${meanEpisodeCost}, limit ${limit} and learning rate ` +
        `${learningRate} leads to ${next}; lower the learning rate or set a maximum`,
    );
  }
  return { ...state, multiplier: next };
}
