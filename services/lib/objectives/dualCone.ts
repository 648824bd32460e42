/**
 * Combiners that project onto the dual cone { d : ⟨g_i, d⟩ ≥ 0 for all i } of the gradients, where no objective is hurt:
 * DualProj and UPGrad (Quinton and Rey 2024, "Jacobian Descent for Multi-Objective Optimization", arXiv 2406.16232; the
 * projection of one gradient is that of Lopez-Paz and Ranzato 2017, arXiv 1706.08840).
 *
 * Both are strongly stationary where the preference has no zero: d = 0 only where some combination of all gradients
 * with weights > 0 vanishes.
 */

import { simplexPreference, type Choice, type Combiner } from './combiner.js';
import { projectOntoCone } from './coneProjection.js';
import type { Gram } from './gram.js';
import { checkResidual } from './minNorm.js';
import { dotProduct, multiply, unitGradients, weightsFromAmounts, type UnitGradients } from './unitGradients.js';

/**
 * d = the projection of Σ λ_i g_i onto the dual cone. Scaling all gradients by t scales d by t; long gradients decide
 * which direction is projected.
 */
export const dualproj: Combiner<'dualproj'> = (gram, { preference }) => {
  const alpha = simplexPreference(gram, preference);
  const units = unitGradients(gram);
  const amounts = Float64Array.from(units.kept, (i, k) => alpha[i]! * units.lengths[k]!);
  return projected(gram, units, alpha, amounts, 'dualproj');
};

/**
 * d = Σ λ_i π(g_i) with π the projection onto the dual cone. The cone does not depend on lengths, so d is linear in the
 * length of each gradient: doubling one doubles its own part and changes no other.
 */
export const upgrad: Combiner<'upgrad'> = (gram, { preference }) => {
  const alpha = simplexPreference(gram, preference);
  const units = unitGradients(gram);
  const size = units.kept.length;
  const total = new Float64Array(size);
  const active = new Set<number>();
  let [residual, iterations] = [0, 0];
  for (let k = 0; k < size; k++) {
    const share = alpha[units.kept[k]!]! * units.lengths[k]!;
    if (share === 0) continue;
    const column = units.cosines.slice(k * size, (k + 1) * size); // C·e_k: the matrix is symmetric
    const { pushes, residual: reached, iterations: steps } = projectOntoCone(units.cosines, column, 1);
    residual = Math.max(residual, reached);
    iterations += steps;
    total[k]! += share;
    for (let j = 0; j < size; j++) {
      if (pushes[j] === 0) continue;
      total[j]! += share * pushes[j]!;
      active.add(units.kept[j]!);
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
};

/**
 * The projection of Σ t_k u_k onto the dual cone, as a choice of weights.
 *
 * @param amounts t ≥ 0, one for each kept objective
 * @param method how messages call it
 */
export function projected(
  gram: Gram,
  units: UnitGradients,
  alpha: Float64Array,
  amounts: Float64Array,
  method: string,
): Choice {
  const { kept, leftOut, cosines } = units;
  const largest = amounts.reduce((most, t) => Math.max(most, t), 0);
  if (largest === 0) {
    const certificate = { relativeResidual: 0, squaredNorm: 0, active: [], iterations: 0 };
    return { alpha, weights: new Float64Array(gram.names.length), leftOut, certificate };
  }
  const scaled = amounts.map((t) => t / largest);
  const terms = scaled.reduce((sum, t) => sum + t, 0);
  const solved = projectOntoCone(cosines, multiply(cosines, scaled), terms);
  checkResidual(method, gram, solved.residual);
  const total = amounts.map((t, k) => t + solved.pushes[k]! * largest);
  return {
    alpha,
    weights: weightsFromAmounts(gram.names.length, units, total),
    leftOut,
    certificate: {
      relativeResidual: solved.residual,
      squaredNorm: squaredNormOf(units, total),
      active: kept.filter((_, k) => solved.pushes[k]! > 0),
      iterations: solved.iterations,
    },
  };
}

/** ‖Σ x_k u_k‖², not below 0. */
function squaredNormOf(units: UnitGradients, amounts: Float64Array): number {
  return Math.max(0, dotProduct(amounts, multiply(units.cosines, amounts)));
}
