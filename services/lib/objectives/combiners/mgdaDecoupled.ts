/** MGDA-Decoupled (Vári-Kakas et al. 2026, arXiv 2604.20685): MGDA on gradients that are divided by their losses. */

import { at, f64 } from '@gapo/numeric';
import type { Gram } from '../gram/gram.js';
import { minNorm } from '../solvers/minNorm.js';
import { checkFinite } from './checks.js';
import { defineCombiner, type Choice } from './combiner.js';

/** Options of {@link mgdaDecoupled}. */
export interface MgdaDecoupledOptions {
  /** The mean loss of each objective, > 0, length K. */
  readonly losses: ArrayLike<number>;
}

/**
 * α on the simplex minimises ‖Σ α_i g_i / L_i‖², in Gram terms G_ij / (L_i L_j), and d = Σ α_i g_i: the losses determine
 * the shares, and the gradients enter d unscaled. An objective far from its optimum, with a large loss, counts as having a
 * short gradient and therefore gets a larger share. Scaling all losses by t changes nothing.
 *
 * The certificate is that of the rescaled problem. d itself may hurt an objective. A zero gradient gets all the weight, as
 * with MGDA: d = 0.
 */
export const mgdaDecoupled = defineCombiner({
  summary: 'Σ α g with the α of MGDA on gradients divided by their losses; with `algorithm: dpo`',
  source: 'Vári-Kakas et al. 2026, arXiv 2604.20685',
  settings: {},
  only: { algorithm: 'dpo', reason: 'which has a loss for each objective' },
  options: (_, { losses }): MgdaDecoupledOptions => ({ losses }),
  choose: chooseMgdaDecoupled,
});

/** @throws RangeError when there is not one loss over 0 for each objective */
function chooseMgdaDecoupled(gram: Gram, { losses }: MgdaDecoupledOptions): Choice {
  checkFinite(gram, 'losses', losses);
  const { names, values } = gram;
  for (const [i, name] of names.entries()) {
    if (!(at(losses, i) > 0)) {
      throw new RangeError(`losses: the number for ${name} is ${at(losses, i)}, expected a number above 0`);
    }
  }
  const size = names.length;
  const scaled = values.map((_, k) => f64(values, k) / at(losses, Math.floor(k / size)) / at(losses, k % size));
  const { alpha, certificate } = minNorm({ names, values: scaled });
  return { alpha, weights: Float64Array.from(alpha), leftOut: [], certificate };
}
