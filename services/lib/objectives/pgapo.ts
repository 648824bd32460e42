/** P-GAPO: the user's preference decides (arXiv 2507.01915, section 3.3). */

import { simplexPreference, type Combiner } from './combiner.js';
import { projected } from './dualCone.js';
import { gradientNorms } from './gram.js';
import { unitGradients } from './unitGradients.js';

/**
 * d = Σ λ_i g_i / ‖g_i‖ for a preference λ on the simplex. A zero gradient has no direction and is left out; the
 * others keep their λ_i.
 *
 * With `nonConflicting`, d is the direction nearest to that one among those with ⟨g_i, d⟩ ≥ 0 for all i: the same
 * wherever P-GAPO hurts nobody, and where it would, the least change that does not. The certificate is that of the
 * projection; its active objectives are those that would have been hurt.
 */
export const pgapo: Combiner<'pgapo'> = (gram, { preference, nonConflicting = false }) => {
  const alpha = simplexPreference(gram, preference);
  if (nonConflicting) {
    const units = unitGradients(gram);
    const amounts = Float64Array.from(units.kept, (i) => alpha[i]!);
    return projected(gram, units, alpha, amounts, 'pgapo');
  }
  const norms = gradientNorms(gram);
  const weights = alpha.map((share, i) => (norms[i] === 0 ? 0 : share / norms[i]!));
  return { alpha, weights, leftOut: Array.from(norms.keys()).filter((i) => norms[i] === 0), certificate: null };
};
