/** One reward alone: ordinary PPO, the baseline of each objective. */

import type { Gram } from '../gram/gram.js';
import { checkObjective } from './checks.js';
import { defineCombiner, type Choice } from './combiner.js';
import { objectiveName } from './settings.js';

/** Options of {@link single}. */
export interface SingleOptions {
  /** Index of the objective. */
  readonly objective: number;
}

/** d = g_k, ordinary PPO on one objective (PPO-H and PPO-S in the tables of arXiv 2507.01915). */
export const single = defineCombiner({
  summary: 'one gradient; the other objectives are only measured',
  source: 'Schulman et al. 2017, arXiv 1707.06347',
  settings: { objective: objectiveName.describe('The objective to train for.') },
  check: ({ objective }, names, refuse) => {
    if (!names.includes(objective)) refuse(['objective'], `one of ${names.join(', ')}`);
  },
  options: ({ objective }, { names }): SingleOptions => ({ objective: names.indexOf(objective) }),
  choose: chooseSingle,
});

function chooseSingle(gram: Gram, { objective }: SingleOptions): Choice {
  checkObjective(gram, 'single', objective);
  const alpha = new Float64Array(gram.names.length);
  alpha[objective] = 1;
  return { alpha, weights: Float64Array.from(alpha), leftOut: [], certificate: null };
}
