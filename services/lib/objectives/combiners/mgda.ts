/** MGDA (Désidéri 2012; arXiv 2507.01915, section 3.1). */

import { minNorm } from '../solvers/minNorm.js';
import { defineCombiner } from './combiner.js';

/**
 * d = the smallest-norm point of the convex hull of the gradients. Theorem 3.1: ⟨g_i, d⟩ ≥ ‖d‖² for every i, with
 * equality where α_i > 0; d = 0 exactly when the policy is Pareto stationary, which a single zero gradient makes it.
 */
export const mgda = defineCombiner({
  summary: 'the smallest-norm point of the hull of the gradients: all objectives improve alike',
  source: 'Désidéri 2012, Comptes Rendus Mathématique 350',
  settings: {},
  options: () => ({}),
  choose: (gram) => ({ ...minNorm(gram), leftOut: [] }),
});
