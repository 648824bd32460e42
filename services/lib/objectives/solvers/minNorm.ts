/**
 * The point of smallest norm in the convex hull of K gradients, from their Gram matrix (MGDA: theorem 3.1 of arXiv
 * 2507.01915, after Désidéri 2012), and in the hull of the gradients rescaled by a power of their norms (GAPO).
 */

import { at, f64 } from '@gapo/numeric';
import { cosineMatrix, gradientNorms, type Gram } from '../gram/gram.js';
import { nearestPoint, type ActiveSetResult } from './activeSet.js';
import { checkResidual, type KktCertificate } from './certificate.js';

/** The smallest-norm point Σ α_i g_i / ‖g_i‖^p. */
export interface MinNormPoint {
  /** α on the simplex, length K. Bitwise equal gradients share their weight equally. */
  readonly alpha: Float64Array;
  /** w_i = α_i / ‖g_i‖^p, length K, so that the point is Σ w_i g_i. */
  readonly weights: Float64Array;
  readonly certificate: KktCertificate;
}

/**
 * Solves min ‖Σ α_i g̃_i‖² over the simplex for g̃_i = g_i / ‖g_i‖^p, exactly: in closed form for K ≤ 2, otherwise by
 * Wolfe's active-set method. Norms may differ by a factor of 10²⁴.
 *
 * Zero gradients: the hull contains the origin, so the point is zero and the zero gradients share the weight. If several α
 * give the same point (more than n + 1 gradients in n dimensions), one of them is returned.
 *
 * @param gram K×K
 * @param p exponent ≥ 0; 0 leaves the gradients as they are. With p > 0 a zero gradient is an error, as it has no direction
 * @throws RangeError for an unusable p, a zero gradient with p > 0, or a matrix for which no certificate is reached,
 *   which means that it is not positive semidefinite
 *
 * @example
 * The shortest vector between two gradients that conflict; it rises along both:
 *
 * ```ts
 * import { gramMatrix, minNorm } from '@gapo/objectives';
 *
 * const gram = gramMatrix([Float64Array.of(1, 0), Float64Array.of(-1, 2)], ['helpful', 'harmless']);
 * const { alpha, weights } = minNorm(gram);
 * console.log([...alpha]); // [ 0.75, 0.25 ]
 * console.log([...weights]); // [ 0.75, 0.25 ]
 * ```
 */
export function minNorm(gram: Gram, p = 0): MinNormPoint {
  if (!Number.isFinite(p) || p < 0) throw new RangeError(`minNorm: p is ${p}, expected a finite number of at least 0`);
  const norms = gradientNorms(gram);
  if (norms.includes(0)) {
    const zeros = Array.from(norms.keys()).filter((i) => norms[i] === 0);
    return atOrigin(gram, zeros, p);
  }
  const classes = equalGradients(gram);
  const representatives = classes.map((members) => members[0]);
  const reciprocals = reciprocalLengths(
    representatives.map((i) => f64(norms, i)),
    p,
  );
  const cosines = cosineMatrix(gram, representatives);
  const solved = nearestPoint(cosines, reciprocals);
  checkResidual('minNorm', gram, solved.residual);
  return spread(gram, classes, norms, reciprocals, solved, p);
}

/** c_i = ℓ_min / ℓ_i for the rescaled lengths ℓ_i = ‖g_i‖^(1-p), computed as ratios so that no power overflows. */
function reciprocalLengths(norms: readonly number[], p: number): Float64Array {
  const reference = p <= 1 ? Math.min(...norms) : Math.max(...norms);
  const reciprocals = new Float64Array(norms.length);
  let k = 0;
  for (const norm of norms) {
    // A point 10³⁰⁰ times further away than another has no influence; the floor still keeps its condition meaningful.
    reciprocals[k++] = Math.max(1e-300, Math.pow(norm / reference, p - 1));
  }
  return reciprocals;
}

/**
 * Gives each member of a class of equal gradients its share, and undoes the scaling.
 *
 * @throws RangeError for a weight that is beyond float64
 */
function spread(
  gram: Gram,
  classes: readonly EqualGradients[],
  norms: Float64Array,
  reciprocals: Float64Array,
  solved: ActiveSetResult,
  p: number,
): MinNormPoint {
  const alpha = new Float64Array(norms.length);
  const weights = new Float64Array(norms.length);
  const shortest = Math.pow(f64(norms, at(classes, reciprocals.indexOf(1))[0]), 1 - p); // ℓ_min
  const active: number[] = [];
  let k = 0;
  for (const members of classes) {
    const length = f64(solved.lengths, k);
    const share = (length * f64(reciprocals, k)) / members.length;
    k++;
    for (const i of members) {
      alpha[i] = share;
      weights[i] = (length / members.length) * (shortest / f64(norms, i));
      if (!Number.isFinite(weights[i]) || (alpha[i] > 1e-250 && weights[i] === 0)) {
        throw new RangeError(
          `${gram.names[i]}: the weight for a gradient of norm ${norms[i]} rescaled with p = ${p} is beyond float64; use a smaller p`,
        );
      }
    }
  }
  for (let i = 0; i < alpha.length; i++) if (f64(alpha, i) > 0) active.push(i);
  return {
    alpha,
    weights,
    certificate: {
      relativeResidual: solved.residual,
      squaredNorm: solved.multiplier * shortest * shortest,
      active,
      iterations: solved.iterations,
    },
  };
}

/**
 * Zero gradients make the hull contain the origin: they share the weight.
 *
 * @throws RangeError if norms are rescaled, p > 0
 */
function atOrigin(gram: Gram, zeros: readonly number[], p: number): MinNormPoint {
  if (p > 0) {
    throw new RangeError(
      `${at(gram.names, at(zeros, 0))}: a zero gradient cannot be rescaled by its norm to the power ${p}; leave it out`,
    );
  }
  const alpha = new Float64Array(gram.names.length);
  for (const i of zeros) alpha[i] = 1 / zeros.length;
  return {
    alpha,
    weights: Float64Array.from(alpha),
    certificate: { relativeResidual: 0, squaredNorm: 0, active: zeros, iterations: 0 },
  };
}

/** Objectives with bitwise equal gradients, ascending. */
type EqualGradients = [first: number, ...others: number[]];

/** Partitions the objectives into classes with equal gradients, in the order of their first members. */
function equalGradients(gram: Gram): EqualGradients[] {
  const size = gram.names.length;
  const classes: EqualGradients[] = [];
  for (let i = 0; i < size; i++) {
    const squared = f64(gram.values, i * size + i);
    const home = classes.find((members) => {
      const j = members[0];
      return gram.values[j * size + j] === squared && gram.values[i * size + j] === squared;
    });
    if (home) home.push(i);
    else classes.push([i]);
  }
  return classes;
}
