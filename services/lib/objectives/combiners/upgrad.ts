/**
 * UPGrad (Quinton and Rey 2024, "Jacobian Descent for Multi-Objective Optimization", arXiv 2406.16232). Strongly
 * stationary if the preference has no zeros: d = 0 only if some combination of all gradients with weights > 0 vanishes.
 */

import { f64 } from '@gapo/numeric';
import type { Gram } from '../gram/gram.js';
import { unitGradients, weightsFromAmounts } from '../gram/unitGradients.js';
import { checkResidual } from '../solvers/certificate.js';
import { projectOntoCone } from '../solvers/coneProjection.js';
import { squaredNormOf } from '../solvers/dualCone.js';
import { simplexPreference, type OptionalPreference } from './checks.js';
import { defineCombiner, type Choice } from './combiner.js';
import { optionalPreference } from './settings.js';

/**
 * d = Σ λ_i π(g_i) with π the projection onto the dual cone { d : ⟨g_i, d⟩ ≥ 0 for all i }. The cone does not depend on
 * lengths, so d is linear in the length of each gradient: doubling one doubles its own part and changes no others.
 */
export const upgrad = defineCombiner({
  summary: 'the weighted mean of the gradients, each projected on the cone that hurts no objective',
  source: 'Quinton and Rey 2024, arXiv 2406.16232',
  settings: { preference: optionalPreference },
  steeredBy: 'preference',
  options: (_, { preference }): OptionalPreference => ({ preference }),
  choose: chooseUpgrad,
});

function chooseUpgrad(gram: Gram, { preference }: OptionalPreference): Choice {
  const alpha = simplexPreference(gram, preference);
  const units = unitGradients(gram);
  const size = units.kept.length;
  const total = new Float64Array(size);
  const active = new Set<number>();
  let [residual, iterations] = [0, 0];
  for (const [k, i] of units.kept.entries()) {
    const share = f64(alpha, i) * f64(units.lengths, k);
    if (share === 0) continue;
    const column = units.cosines.slice(k * size, (k + 1) * size); // C·e_k: the matrix is symmetric
    const { pushes, residual: reached, iterations: steps } = projectOntoCone(units.cosines, column, 1);
    residual = Math.max(residual, reached);
    iterations += steps;
    total[k] = f64(total, k) + share;
    for (const [j, pushed] of units.kept.entries()) {
      if (pushes[j] === 0) continue;
      total[j] = f64(total, j) + share * f64(pushes, j);
      active.add(pushed);
    }
  }
  checkResidual('upgrad', gram, residual);
  return {
    alpha,
    weights: weightsFromAmounts(gram.names.length, units, total),
    leftOut: units.leftOut,
    certificate: {
      relativeResidual: residual,
      squaredNorm: squaredNormOf(units, total),
      active: [...active].sort((a, b) => a - b),
      iterations,
    },
  };
}
