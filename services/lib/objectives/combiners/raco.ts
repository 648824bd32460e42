/**
 * RACO (Chen et al. 2026, "Reward-free Alignment for Conflicting Objectives", arXiv 2602.02495): CAGrad around the gradient
 * of the preference, with the dual weights clipped by the preference ("CAGrad-Clip").
 */

import { f64 } from '@gapo/numeric';
import { progressOf, type Gram } from '../gram/gram.js';
import { dotProduct } from '../gram/unitGradients.js';
import { conflictAverse } from './cagrad.js';
import { simplexPreference, type OptionalPreference } from './checks.js';
import { defineCombiner, type Choice } from './combiner.js';
import { nonNegativeNumber, optionalPreference } from './settings.js';

/** Options of {@link raco}. */
export interface RacoOptions extends OptionalPreference {
  /** Length of the correction in lengths of g₀, c ≥ 0. @default 0.4 */
  readonly radius?: number;
}

const defaultRadius = 0.4;

/**
 * g₀ = Σ λ_i g_i. The dual of CAGrad's problem has p* on the simplex; p̃_i = min(p*_i, λ_i) and
 *
 *     d = g₀ + c ‖g₀‖ g_p̃ / ‖g_p̃‖,   g_p̃ = Σ p̃_i g_i.
 *
 * So no objective gets more of the correction than its preference. If g_p̃ vanishes there is no correction: d = g₀. The
 * certificate is that of the dual problem; α is p*. Scaling all gradients by t scales d by t.
 */
export const raco = defineCombiner({
  summary: 'CAGrad around the gradient of the preference, its correction clipped by the preference',
  source: 'Chen et al. 2026, arXiv 2602.02495',
  settings: {
    preference: optionalPreference,
    radius: nonNegativeNumber
      .default(defaultRadius)
      .describe("Length of the correction, in lengths of the preference's gradient."),
  },
  steeredBy: 'preference',
  options: ({ radius }, { preference }): RacoOptions => ({ preference, radius }),
  choose: chooseRaco,
});

/** A combination whose squared length is at most this share of its terms' is zero up to rounding. */
const vanishing = 64 * Number.EPSILON;

function chooseRaco(gram: Gram, { preference, radius = defaultRadius }: RacoOptions): Choice {
  const lambda = simplexPreference(gram, preference);
  const averse = conflictAverse('raco', gram, lambda, radius);
  const given = lambda.map((share, i) => (averse.leftOut.includes(i) ? 0 : share));
  const clipped = averse.alpha.map((p, i) => Math.min(p, f64(given, i)));
  const [length, correction] = [lengthOf(gram, given), lengthOf(gram, clipped)];
  const factor = correction > 0 ? (radius * length) / correction : 0;
  return { ...averse, weights: given.map((share, i) => share + factor * f64(clipped, i)) };
}

/** ‖Σ w_i g_i‖ for w ≥ 0; 0 if only rounding is left. */
function lengthOf(gram: Gram, weights: Float64Array): number {
  const squared = dotProduct(weights, progressOf(gram, weights));
  const size = gram.names.length;
  const terms = weights.reduce((sum, w, i) => sum + w * Math.sqrt(f64(gram.values, i * size + i)), 0);
  return squared > vanishing * size * terms * terms ? Math.sqrt(squared) : 0;
}
