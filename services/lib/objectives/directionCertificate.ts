/**
 * What a step's direction does to each objective, recomputed from its Gram matrix and its weights: the proof that the
 * direction hurts nobody, or the names of those that it hurts.
 */

import { at, f64 } from '@gapo/numeric';
import { gradientNorms, progressOf, type Gram } from './gram/gram.js';
import { kktTolerance } from './solvers/certificate.js';

/** An objective's part in a step, as step reports have it. A number that JSON does not have is null. */
export interface StepObjective {
  readonly name: string;
  /** w_i of d = Σ w_i g_i. */
  readonly weight: number | null;
  /** ‖g_i‖. */
  readonly gradientNorm: number | null;
  /** Cosines with the objectives after it, by name; none with or of a zero gradient. */
  readonly cosines?: Readonly<Record<string, number | null>> | null;
}

/** What a direction does to each objective. Vectors are in the order of the Gram matrix. */
export interface DirectionCertificate {
  readonly gram: Gram;
  /** w, length K. */
  readonly weights: Float64Array;
  /** ⟨g_i, d⟩ = (G w)_i, length K: the first-order change of each objective per unit of step. */
  readonly progress: Float64Array;
  /** ‖d‖² = wᵀ G w. */
  readonly squaredLength: number;
  /** Objectives that the direction lowers: ⟨g_i, d⟩ < 0 by more than rounding. */
  readonly hurt: readonly string[];
  /** The relative residual of the solver's optimality conditions; undefined where the method solves no problem. */
  readonly residual: number | undefined;
}

/**
 * Certifies a direction. It is that of the combination: before the regularizers, the clip and the optimiser.
 *
 * An objective is hurt by ⟨g_i, d⟩ < -ε ‖g_i‖ Σ_j |w_j| ‖g_j‖, with the tolerance ε = 1e-10 of the solvers: a projection
 * puts ⟨g_i, d⟩ at 0 up to rounding.
 *
 * @param weights length K
 * @param residual that of the solver's certificate
 * @throws RangeError where the lengths differ
 *
 * @example
 * ```ts
 * import { certificateText, certifyDirection, gramMatrix } from '@gapo/objectives';
 *
 * const gram = gramMatrix([Float64Array.of(1, 0), Float64Array.of(-1, 2)], ['helpful', 'harmless']);
 * console.log(certificateText(certifyDirection(gram, [0.75, 0.25], 0)));
 * // helpful +0.5, harmless +0.5, nobody hurt; residual 0
 * console.log(certificateText(certifyDirection(gram, [1, 0])));
 * // helpful +1, harmless -1: harmless hurt
 * ```
 */
export function certifyDirection(gram: Gram, weights: ArrayLike<number>, residual?: number): DirectionCertificate {
  const { names } = gram;
  if (weights.length !== names.length) {
    throw new RangeError(`certifyDirection: ${weights.length} weights for ${names.length} objectives`);
  }
  const w = Float64Array.from(weights);
  const progress = progressOf(gram, w);
  const norms = gradientNorms(gram);
  const size = norms.reduce((sum, norm, j) => sum + Math.abs(f64(w, j)) * norm, 0);
  return {
    gram,
    weights: w,
    progress,
    squaredLength: progress.reduce((sum, slope, i) => sum + f64(w, i) * slope, 0),
    hurt: names.filter((_, i) => f64(progress, i) < -kktTolerance * f64(norms, i) * size),
    residual,
  };
}

/**
 * Certifies the direction of a reported step. Its Gram matrix follows from norms and cosines.
 *
 * @param residual the report's
 * @returns undefined where the report lacks a number: those of earlier releases have no cosines
 */
export function certifyStep(
  objectives: readonly StepObjective[],
  residual?: number | null,
): DirectionCertificate | undefined {
  const gram = gramOfStep(objectives);
  const weights = objectives.map(({ weight }) => weight ?? NaN);
  if (gram === undefined || !weights.every(Number.isFinite)) return undefined;
  return certifyDirection(gram, weights, residual ?? undefined);
}

/** Returns G_ij = ‖g_i‖ ‖g_j‖ cos_ij; undefined where a number is missing. */
function gramOfStep(objectives: readonly StepObjective[]): Gram | undefined {
  const size = objectives.length;
  if (size === 0) return undefined;
  const values = new Float64Array(size * size);
  for (const [i, { gradientNorm, cosines }] of objectives.entries()) {
    const norm = gradientNorm ?? NaN;
    values[i * size + i] = norm * norm;
    for (let j = i + 1; j < size; j++) {
      const { name, gradientNorm: other } = at(objectives, j);
      const product = norm * (other ?? NaN);
      // A zero gradient has no cosines.
      const entry = product === 0 ? 0 : product * (cosines?.[name] ?? NaN);
      values[i * size + j] = entry;
      values[j * size + i] = entry;
    }
  }
  return values.every(Number.isFinite) ? { names: objectives.map(({ name }) => name), values } : undefined;
}

/** Objectives that a text lists. */
const mostListed = 6;

/**
 * Says what a direction does: `helpful +0.31, harmless +0.3, nobody hurt; residual 3e-12`. Of many objectives it lists
 * those that gain least for the length of their gradient, which those that are hurt are among.
 */
export function certificateText({ gram, progress, hurt, residual }: DirectionCertificate): string {
  const { names } = gram;
  const norms = gradientNorms(gram);
  const slopes = names.map((name, i) => ({ name, i, slope: f64(progress, i), norm: f64(norms, i) }));
  const gain = ({ slope, norm }: { slope: number; norm: number }): number => (norm === 0 ? 0 : slope / norm);
  const least = [...slopes].sort((a, b) => gain(a) - gain(b)).slice(0, mostListed);
  const listed = least.sort((a, b) => a.i - b.i).map(({ name, slope }) => `${name} ${signed(slope)}`);
  const rest = names.length > listed.length ? [`${names.length - listed.length} others gain more`] : [];
  const all = [...listed, ...rest].join(', ');
  const verdict = hurt.length === 0 ? `${all}, nobody hurt` : `${all}: ${hurt.join(', ')} hurt`;
  return residual === undefined ? verdict : `${verdict}; residual ${residual === 0 ? '0' : residual.toExponential(0)}`;
}

/** Formats a slope with two significant digits and its sign. */
function signed(value: number): string {
  const size = Math.abs(value);
  const text = size === 0 || (size >= 1e-4 && size < 1e5) ? String(Number(size.toPrecision(2))) : size.toExponential(1);
  return size === 0 ? text : `${value > 0 ? '+' : '-'}${text}`;
}
