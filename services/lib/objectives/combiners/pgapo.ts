/** P-GAPO: the user's preference decides (arXiv 2507.01915, section 3.3). */

import { f64 } from '@gapo/numeric';
import { z } from 'zod';
import { gradientNorms, type Gram } from '../gram/gram.js';
import { unitGradients } from '../gram/unitGradients.js';
import { projectOntoDualCone } from '../solvers/dualCone.js';
import { simplexPreference } from './checks.js';
import { defineCombiner, type Choice } from './combiner.js';
import { scheduledByObjective } from './settings.js';

/** Options of {@link pgapo}. */
export interface PgapoOptions {
  /** λ on the simplex, length K. */
  readonly preference: ArrayLike<number>;
  /** Take the nearest direction with ⟨g_i, d⟩ ≥ 0 for all i. @default false */
  readonly nonConflicting?: boolean;
}

/**
 * d = Σ λ_i g_i / ‖g_i‖ for a preference λ on the simplex. A zero gradient has no direction and is omitted; the
 * others keep their λ_i.
 *
 * With `nonConflicting`, d is the nearest direction with ⟨g_i, d⟩ ≥ 0 for all i: unchanged if P-GAPO hurts no
 * objective, and otherwise the smallest change that hurts none. The certificate is that of the projection; its active
 * objectives are those that would have been hurt.
 */
export const pgapo = defineCombiner({
  summary: 'Σ λ g / ‖g‖: the preference λ decides, not the size of a gradient',
  source: 'arXiv 2507.01915, section 3.3',
  settings: {
    preference: scheduledByObjective.describe('λ: the share of each objective. The numbers are divided by their sum.'),
    nonConflicting: z
      .boolean()
      .meta({ expected: 'true or false' })
      .default(false)
      .describe('Take the direction nearest to the P-GAPO one among those that hurt no objective.'),
  },
  steeredBy: 'preference',
  options: ({ nonConflicting }, { preference }): PgapoOptions => ({ preference, nonConflicting }),
  choose: choosePgapo,
});

function choosePgapo(gram: Gram, { preference, nonConflicting = false }: PgapoOptions): Choice {
  const alpha = simplexPreference(gram, preference);
  if (nonConflicting) {
    const units = unitGradients(gram);
    const amounts = Float64Array.from(units.kept, (i) => f64(alpha, i));
    return { alpha, ...projectOntoDualCone('pgapo', gram, units, amounts) };
  }
  const norms = gradientNorms(gram);
  const weights = alpha.map((share, i) => (norms[i] === 0 ? 0 : share / f64(norms, i)));
  return { alpha, weights, leftOut: Array.from(norms.keys()).filter((i) => norms[i] === 0), certificate: null };
}
