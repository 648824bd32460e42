/**
 * Projection of a direction onto the dual cone { d : ⟨g_i, d⟩ ≥ 0 for all i } of the gradients, where no objective is
 * hurt (Quinton and Rey 2024, arXiv 2406.16232).
 */

import { f64 } from '@gapo/numeric';
import type { Gram } from '../gram/gram.js';
import { dotProduct, multiply, weightsFromAmounts, type UnitGradients } from '../gram/unitGradients.js';
import { checkResidual, type KktCertificate } from './certificate.js';
import { projectOntoCone } from './coneProjection.js';

/** A projected direction, as weights of the gradients. */
export interface Projection {
  /** w with d = Σ w_i g_i, length K. */
  readonly weights: Float64Array;
  /** Objectives with a zero gradient, ascending. */
  readonly leftOut: readonly number[];
  readonly certificate: KktCertificate;
}

/**
 * Projects Σ t_k u_k onto the dual cone.
 *
 * @param method names the combiner in messages
 * @param amounts t ≥ 0, one for each kept objective
 * @throws RangeError if no certificate is reached, which means that the matrix is not positive semidefinite
 */
export function projectOntoDualCone(
  method: string,
  gram: Gram,
  units: UnitGradients,
  amounts: Float64Array,
): Projection {
  const { kept, leftOut, cosines } = units;
  const largest = amounts.reduce((most, t) => Math.max(most, t), 0);
  if (largest === 0) {
    const certificate = { relativeResidual: 0, squaredNorm: 0, active: [], iterations: 0 };
    return { weights: new Float64Array(gram.names.length), leftOut, certificate };
  }
  const scaled = amounts.map((t) => t / largest);
  const terms = scaled.reduce((sum, t) => sum + t, 0);
  const solved = projectOntoCone(cosines, multiply(cosines, scaled), terms);
  checkResidual(method, gram, solved.residual);
  const total = amounts.map((t, k) => t + f64(solved.pushes, k) * largest);
  return {
    weights: weightsFromAmounts(gram.names.length, units, total),
    leftOut,
    certificate: {
      relativeResidual: solved.residual,
      squaredNorm: squaredNormOf(units, total),
      active: kept.filter((_, k) => f64(solved.pushes, k) > 0),
      iterations: solved.iterations,
    },
  };
}

/** ‖Σ x_k u_k‖², not below 0. */
export function squaredNormOf(units: UnitGradients, amounts: Float64Array): number {
  return Math.max(0, dotProduct(amounts, multiply(units.cosines, amounts)));
}
