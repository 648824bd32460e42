/** P-GAPO: the user's preference decides (arXiv 2507.01915, section 3.3). */

import { checkWeights, type Combiner } from './combiner.js';
import { gradientNorms } from './gram.js';

/** How far from 1 a preference may sum; it is divided by its sum. */
const SUM_TOLERANCE = 1e-6;

/**
 * d = Σ λ_i g_i / ‖g_i‖ for a preference λ on the simplex. A zero gradient has no direction and is left out; the
 * others keep their λ_i.
 */
export const pgapo: Combiner<'pgapo'> = (gram, { preference }) => {
  const sum = checkWeights(gram, 'preference', preference);
  if (Math.abs(sum - 1) > SUM_TOLERANCE) {
    throw new RangeError(`preference: the numbers sum to ${sum}, expected 1; divide each by their sum`);
  }
  const norms = gradientNorms(gram);
  const alpha = Float64Array.from(norms, (_, i) => preference[i]! / sum);
  const weights = alpha.map((share, i) => (norms[i] === 0 ? 0 : share / norms[i]!));
  return { alpha, weights, leftOut: Array.from(norms.keys()).filter((i) => norms[i] === 0), certificate: null };
};
