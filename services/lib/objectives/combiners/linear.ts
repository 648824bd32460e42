/** A weighted sum of gradients. */

import { defineCombiner } from './combiner.js';
import { chooseGiven, type ScalarOptions } from './morlhf.js';
import { scheduledByObjective } from './settings.js';

/**
 * d = Σ w_i g_i. α is w divided by its sum. If advantages are neither whitened nor clipped, this is the gradient of the
 * weighted sum of rewards, that is, `morlhf`.
 */
export const linear = defineCombiner({
  summary: 'Σ w g, a weighted sum of gradients, whose advantages are whitened one by one',
  source: 'Ramé et al. 2023, arXiv 2306.04488',
  settings: { weights: scheduledByObjective.describe('w: the weight of each objective, used as given.') },
  steeredBy: 'weights',
  options: (_, { weights }): ScalarOptions => ({ weights }),
  choose: chooseGiven,
});
