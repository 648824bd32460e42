/** GDPO (Liu et al. 2026, "Group reward-Decoupled Normalization Policy Optimization", arXiv 2601.05242). */

import { z } from 'zod';
import { defineCombiner } from './combiner.js';
import { chooseGiven, type ScalarOptions } from './morlhf.js';
import { scheduledByObjective } from './settings.js';

/**
 * Every objective's rewards are normalised within their prompt, A_k = (r_k - μ_k) / σ_k; the advantage is A = Σ w_k A_k,
 * whitened over the batch (`over: 'advantages'`). In TRL it is `multi_objective_aggregation: normalize_then_sum`. Scaling a
 * reward changes nothing. Without `whiten` it is MO-GRPO (arXiv 2509.22047).
 */
export const gdpo = defineCombiner({
  summary: 'PPO on one advantage, Σ w A, of rewards normalised within their prompt; with `ppo.advantages: group`',
  source: 'Liu et al. 2026, arXiv 2601.05242',
  settings: {
    weights: scheduledByObjective.describe("w: the weight of each objective's normalised advantage, used as given."),
    whiten: z
      .boolean()
      .meta({ expected: 'true or false' })
      .default(true)
      .describe('Whether the sum is whitened over the batch. `false` is MO-GRPO.'),
  },
  steeredBy: 'weights',
  over: 'advantages',
  only: { algorithm: 'ppo', reason: 'which has rewards to normalise' },
  options: (_, { weights }): ScalarOptions => ({ weights }),
  choose: chooseGiven,
});
