/** A weighted sum of rewards (MORLHF). */

import type { Gram } from '../gram/gram.js';
import { checkWeights } from './checks.js';
import { defineCombiner, type Choice } from './combiner.js';
import { scheduledByObjective } from './settings.js';

/** Options of {@link linear}. */
export interface LinearOptions {
  /** Weights ≥ 0, length K. Used as given. */
  readonly weights: ArrayLike<number>;
}

/** d = Σ w_i g_i, the gradient of the weighted sum of rewards (MORLHF). α is w divided by its sum. */
export const linear = defineCombiner({
  summary: 'Σ w g, the gradient of a weighted sum of rewards, known as MORLHF',
  source: 'Ramé et al. 2023, arXiv 2306.04488',
  settings: { weights: scheduledByObjective.describe('w: the weight of each objective, used as given.') },
  steeredBy: 'weights',
  options: (_, { weights }): LinearOptions => ({ weights }),
  choose: chooseLinear,
});

function chooseLinear(gram: Gram, { weights }: LinearOptions): Choice {
  const sum = checkWeights(gram, 'weights', weights);
  const given = Float64Array.from(weights);
  return { alpha: given.map((weight) => weight / sum), weights: given, leftOut: [], certificate: null };
}
