/** Proof that weights are optimal. */

import type { Gram } from '../gram/gram.js';

/** Relative residual that a solution must reach. */
export const kktTolerance = 1e-10;

/** Proof that weights are optimal: anyone with the Gram matrix can recompute it. */
export interface KktCertificate {
  /**
   * Largest violation of the conditions, divided by the magnitude of the terms summed in ⟨g_i, d⟩. At most 1e-10.
   * Independent of the gradients' scale.
   *
   * - Smallest norm (mgda, gapo): ⟨g_i, d⟩ ≥ ‖d‖², with equality where α_i > 0, divided by ‖g_i‖ Σ_j α_j ‖g_j‖.
   * - Projections (dualproj, upgrad, pgapo): ⟨g_i, d⟩ ≥ 0, with equality where g_i was added, by ‖g_i‖ Σ_j w_j ‖g_j‖.
   * - cagrad: ⟨g_i, d⟩ ≥ min_j ⟨g_j, d⟩, with equality where α_i > 0, by ‖g_i‖ Σ_j w_j ‖g_j‖; and
   *   ‖d - g₀‖² = c²‖g₀‖², by the square of that sum.
   * - nash-mtl: w_i ⟨g_i, d⟩ = 1, by w_i ‖g_i‖ Σ_j w_j ‖g_j‖.
   */
  readonly relativeResidual: number;
  /** ‖d‖² at the solution, for the rescaled gradients if there is a rescaling. 0: Pareto stationary. */
  readonly squaredNorm: number;
  /** Active objectives: those with α_i > 0, or for a projection those that it had to add. Ascending. */
  readonly active: readonly number[];
  /** Points admitted to the active set on the way; 0 if a closed form applied. */
  readonly iterations: number;
}

/**
 * Rejects an inaccurate solution.
 *
 * @param solver the solver's name in the message
 * @throws RangeError for a residual above {@link kktTolerance}
 */
export function checkResidual(solver: string, gram: Gram, residual: number): void {
  if (residual <= kktTolerance) return;
  throw new RangeError(
    `${solver}: optimality residual ${residual} exceeds ${kktTolerance} for ${gram.names.join(', ')}; ` +
      'the matrix is not a Gram matrix of real gradients (not positive semidefinite)',
  );
}
