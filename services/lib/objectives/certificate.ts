/** What an update does to each objective, to first order, and whether another direction would have improved all of them. */

import { assertFinite, at, f64 } from '@gapo/numeric';
import { gradientNorms, gramFromCosines, progressOf, type Gram } from './gram/gram.js';
import { unitGradients } from './gram/unitGradients.js';
import { kktTolerance } from './solvers/certificate.js';
import { minNorm } from './solvers/minNorm.js';

/** What an update does to an objective. `kept`: its progress is 0 up to rounding. */
export type Effect = 'gained' | 'kept' | 'hurt';

/** One objective's part in an {@link UpdateCertificate}. */
export interface ObjectiveEffect {
  readonly name: string;
  /** ⟨g_k, d⟩ = (G·w)_k: the first-order change of the objective per unit of step, in units of its reward. */
  readonly progress: number;
  /** ⟨g_k, d⟩ / (‖g_k‖ ‖d‖), the cosine of its gradient and the update, in [-1, 1]; 0 if either is zero. */
  readonly relative: number;
  readonly effect: Effect;
}

/** A statement about the update d = Σ w_k g_k that anyone with the Gram matrix can recompute. */
export interface UpdateCertificate {
  readonly gram: Gram;
  /** w, length K. */
  readonly weights: Float64Array;
  /** In the order of the Gram matrix. */
  readonly objectives: readonly ObjectiveEffect[];
  /** ‖d‖. */
  readonly norm: number;
  /**
   * Whether some direction improves every objective that has a gradient: exactly if the hull of the unit gradients does not contain the
   * origin (Gordan's theorem). If false, the policy is Pareto stationary to first order.
   */
  readonly commonAscent: boolean;
  /** The distance of the origin from that hull, in [0, 1]: the smallest cosine of the best common direction. */
  readonly margin: number;
  /** The KKT residual of that distance, at most 1e-10; relative, see `KktCertificate`. */
  readonly residual: number;
}

/** A squared distance of the hull from the origin that float64 inner products cannot distinguish from 0. */
const stationaryTolerance = 1e-12;

/**
 * Certifies an update.
 *
 * @param gram Gram matrix of the K objectives' ascent gradients, [K, K]
 * @param weights w of the update d = Σ w_k g_k, length K; of any sign
 * @throws RangeError when there is not one weight for each objective, NonFiniteError for one that is not finite
 *
 * @example
 * ```ts
 * import { certificateText, gramFromMatrix, updateCertificate } from '@gapo/objectives';
 *
 * const gram = gramFromMatrix([1, -1, -1, 5], ['helpful', 'harmless']);
 * console.log(certificateText(updateCertificate(gram, [0.75, 0.25])));
 * // helpful +0.71, harmless +0.32, nobody hurt; residual 0
 * console.log(updateCertificate(gram, [0.1, 0.9]).objectives[0]?.effect); // hurt
 * ```
 */
export function updateCertificate(gram: Gram, weights: ArrayLike<number>): UpdateCertificate {
  const { names } = gram;
  if (weights.length !== names.length) {
    throw new RangeError(
      `updateCertificate: ${weights.length} weights for ${names.length} objectives (${names.join(', ')}); give one for each`,
    );
  }
  assertFinite(weights, 'updateCertificate', 'weight', 'take the weights from a step that finished');
  const w = Float64Array.from(weights);
  const norms = gradientNorms(gram);
  const progress = progressOf(gram, w);
  const norm = Math.sqrt(
    Math.max(
      0,
      w.reduce((sum, weight, k) => sum + weight * f64(progress, k), 0),
    ),
  );
  // The magnitude of the terms summed in ⟨g_k, d⟩ is ‖g_k‖ times this.
  const terms = w.reduce((sum, weight, k) => sum + Math.abs(weight) * f64(norms, k), 0);
  const objectives = names.map((name, k): ObjectiveEffect => {
    const [value, length] = [f64(progress, k), f64(norms, k)];
    const cosine = length > 0 && norm > 0 ? value / length / norm : 0;
    const isRounding = Math.abs(value) <= kktTolerance * length * terms;
    const effect = isRounding ? 'kept' : value > 0 ? 'gained' : 'hurt';
    return { name, progress: value, relative: Math.max(-1, Math.min(1, cosine)), effect };
  });
  return { gram, weights: w, objectives, norm, ...commonAscent(gram) };
}

/** An objective's numbers in a step's report, from which the rest follows. Numbers that JSON cannot represent are null. */
export interface ReportedObjective {
  readonly name: string;
  /** Its weight in the update. */
  readonly weight: number | null;
  /** ‖g_k‖. */
  readonly gradientNorm: number | null;
  /** The cosines of its gradient with those of the objectives after it, by name; absent if either gradient is zero. */
  readonly cosines?: Readonly<Record<string, number | null>> | null;
}

/**
 * Certifies the update of a step from its report.
 *
 * @param objectives in the order of the report
 * @returns undefined if the report lacks a required number (earlier releases have no cosines), or if no gradients can have its norms and
 * cosines
 * @throws NonFiniteError if the square of a norm overflows
 */
export function certificateOfReport(objectives: readonly ReportedObjective[]): UpdateCertificate | undefined {
  const names = objectives.map(({ name }) => name);
  const norms = objectives.map(({ gradientNorm }) => gradientNorm ?? NaN);
  const weights = objectives.map(({ weight }) => weight ?? NaN);
  const pairs = objectives.flatMap(({ cosines }, i) =>
    names.slice(i + 1).map((other, j) => (at(norms, i) * at(norms, i + 1 + j) === 0 ? 0 : (cosines?.[other] ?? NaN))),
  );
  if (names.length === 0 || ![...norms, ...weights, ...pairs].every(Number.isFinite)) return undefined;
  try {
    return updateCertificate(gramFromCosines(names, norms, pairs), weights);
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

/** The smallest-norm point of the hull of the unit gradients; a zero gradient cannot be improved and does not count. */
function commonAscent(gram: Gram): Pick<UpdateCertificate, 'commonAscent' | 'margin' | 'residual'> {
  const { kept, cosines } = unitGradients(gram);
  if (kept.length === 0) return { commonAscent: false, margin: 0, residual: 0 };
  const names = kept.map((k) => gram.names[k] ?? '');
  const { squaredNorm, relativeResidual } = minNorm({ names, values: cosines }).certificate;
  return {
    commonAscent: squaredNorm > stationaryTolerance,
    margin: Math.sqrt(Math.min(1, squaredNorm)),
    residual: relativeResidual,
  };
}

/** States whether another direction could have improved every objective. */
export function alternativeText({ commonAscent, gram, margin }: UpdateCertificate): string {
  const flat = gram.names.filter((_, k) => f64(gradientNorms(gram), k) === 0);
  const all =
    flat.length === 0 ? 'every objective' : `every objective but ${flat.join(' and ')}, whose gradient was zero`;
  return commonAscent
    ? `A direction existed that improves ${all}, with a cosine of at least ${margin.toFixed(3)} to each gradient.`
    : 'No direction existed that improves every objective: to first order the policy is Pareto stationary.';
}

/** Maximum number of objectives listed in a sentence. */
const mostListed = 6;

/**
 * States a certificate in a sentence: each objective's cosine with the update, who was hurt, and the residual. If there are many
 * objectives, lists those that gain least, which include those that are hurt.
 *
 * @returns for example `helpful +0.31, harmless -0.12, harmless hurt though a direction improves all; residual 3e-12`
 */
export function certificateText({ objectives, commonAscent, residual }: UpdateCertificate): string {
  const least = [...objectives].sort((a, b) => a.relative - b.relative).slice(0, mostListed);
  const parts = objectives
    .filter((each) => least.includes(each))
    .map(({ name, relative }) => `${name} ${relative < 0 ? '' : '+'}${relative.toFixed(2)}`);
  const rest = objectives.length > parts.length ? [`${objectives.length - parts.length} others gain more`] : [];
  const hurt = objectives.filter(({ effect }) => effect === 'hurt').map(({ name }) => name);
  const reason = commonAscent ? 'though a direction improves all' : 'where no direction improves all';
  const outcome = hurt.length === 0 ? 'nobody hurt' : `${hurt.join(' and ')} hurt ${reason}`;
  return `${[...parts, ...rest, outcome].join(', ')}; residual ${residual === 0 ? '0' : residual.toExponential(0)}`;
}
