/** The baselines whose weights do not depend on the gradients: a weighted sum of rewards, and one reward alone. */

import { checkWeights, type Combiner } from './combiner.js';

/** d = Σ λ_i g_i, the gradient of the weighted sum of rewards (MORLHF). α is λ divided by its sum. */
export const linear: Combiner<'linear'> = (gram, { weights }) => {
  const sum = checkWeights(gram, 'weights', weights);
  const given = Float64Array.from(weights);
  return { alpha: given.map((weight) => weight / sum), weights: given, leftOut: [], certificate: null };
};

/** d = g_k, ordinary PPO on one objective (PPO-H and PPO-S in the paper's tables). */
export const single: Combiner<'single'> = (gram, { objective }) => {
  const size = gram.names.length;
  if (!Number.isInteger(objective) || objective < 0 || objective >= size) {
    const choices = gram.names.map((name, i) => `${i} (${name})`).join(', ');
    throw new RangeError(`single: objective is ${objective}, expected an index: ${choices}`);
  }
  const alpha = new Float64Array(size);
  alpha[objective] = 1;
  return { alpha, weights: Float64Array.from(alpha), leftOut: [], certificate: null };
};
