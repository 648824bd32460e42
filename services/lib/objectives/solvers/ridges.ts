/**
 * Repeated solves with a ridge: cosines of nearly parallel directions are rounded at 1 - 10⁻¹⁶, which loses angles of
 * 10⁻⁸, so their matrix may have a small negative eigenvalue and no minimiser. A multiple of the identity, the ridge,
 * makes it definite again and changes no optimality condition by more than its own size.
 */

/** A solve with a residual above this is repeated with the next ridge. */
const goodResidual = 1e-12;

/**
 * Solves with one ridge after the other until the residual is good.
 *
 * @param ridges in ascending order, from 0
 * @param solve returns a solution with its residual for the matrix as given, without the ridge
 * @returns the solution with the smallest residual
 */
export function solveWithRidges<T extends { readonly residual: number }>(
  [first, ...others]: readonly [number, ...number[]],
  solve: (ridge: number) => T,
): T {
  let best = solve(first);
  for (const ridge of others) {
    if (best.residual <= goodResidual) break;
    const found = solve(ridge);
    if (found.residual < best.residual) best = found;
  }
  return best;
}
