/**
 * DualProj (Lopez-Paz and Ranzato 2017, arXiv 1706.08840, for one gradient; Quinton and Rey 2024, arXiv 2406.16232).
 * Strongly stationary if the preference has no zeros: d = 0 only if some combination of all gradients with weights > 0
 * vanishes.
 */

import { f64 } from '@gapo/numeric';
import type { Gram } from '../gram/gram.js';
import { unitGradients } from '../gram/unitGradients.js';
import { projectOntoDualCone } from '../solvers/dualCone.js';
import { simplexPreference, type OptionalPreference } from './checks.js';
import { defineCombiner, type Choice } from './combiner.js';
import { optionalPreference } from './settings.js';

/**
 * d = the projection of Σ λ_i g_i onto the dual cone { d : ⟨g_i, d⟩ ≥ 0 for all i }. Scaling all gradients by t scales d
 * by t; long gradients decide which direction is projected.
 */
export const dualproj = defineCombiner({
  summary: 'the weighted mean of the gradients, projected on the cone that hurts no objective',
  source: 'Lopez-Paz and Ranzato 2017, arXiv 1706.08840; Quinton and Rey 2024, arXiv 2406.16232',
  settings: { preference: optionalPreference },
  steeredBy: 'preference',
  options: (_, { preference }): OptionalPreference => ({ preference }),
  choose: chooseDualproj,
});

function chooseDualproj(gram: Gram, { preference }: OptionalPreference): Choice {
  const alpha = simplexPreference(gram, preference);
  const units = unitGradients(gram);
  const amounts = Float64Array.from(units.kept, (i, k) => f64(alpha, i) * f64(units.lengths, k));
  return { alpha, ...projectOntoDualCone('dualproj', gram, units, amounts) };
}
