/** MORLHF in its usual form: one reward, the weighted sum of all, and ordinary PPO on it. */

import type { Gram } from '../gram/gram.js';
import { checkWeights } from './checks.js';
import { defineCombiner, type Choice } from './combiner.js';
import { scheduledByObjective } from './settings.js';

/** Options of {@link morlhf} and {@link gdpo}. */
export interface ScalarOptions {
  /** Weights ≥ 0, length K. Used as given. */
  readonly weights: ArrayLike<number>;
}

/**
 * r = Σ w_k r_k, then one advantage: baselines, normalisation and clipping see the sum (`over: 'rewards'`). `linear` weights
 * gradients instead: each objective's advantage is whitened and clipped separately, and the scale of a reward does not matter.
 *
 * The gradients of the individual objectives are measured as well, for the report: to first order, the update's gradient is Σ
 * w_k g_k.
 */
export const morlhf = defineCombiner({
  summary: 'PPO on one reward, Σ w r: MORLHF as it is usually run',
  source: 'Li et al. 2020, arXiv 1906.01520; Ramé et al. 2023, arXiv 2306.04488',
  settings: { weights: scheduledByObjective.describe('w: the weight of each reward, used as given.') },
  steeredBy: 'weights',
  over: 'rewards',
  only: { algorithm: 'ppo', reason: 'which has rewards to add up' },
  options: (_, { weights }): ScalarOptions => ({ weights }),
  choose: chooseGiven,
});

/** Returns the weights as given: the update is the gradient of one advantage and does not depend on the Gram matrix. */
export function chooseGiven(gram: Gram, { weights }: ScalarOptions): Choice {
  const sum = checkWeights(gram, 'weights', weights);
  const given = Float64Array.from(weights);
  return { alpha: given.map((weight) => weight / sum), weights: given, leftOut: [], certificate: null };
}
