/** GAPO: gradient-adaptive policy optimization (arXiv 2507.01915, section 3.2). */

import { at, f64 } from '@gapo/numeric';
import { gradientNorms, type Gram } from '../gram/gram.js';
import { minNorm } from '../solvers/minNorm.js';
import { defineCombiner, type Choice } from './combiner.js';
import { nonNegativeNumber } from './settings.js';

/** Options of {@link gapo}. */
export interface GapoOptions {
  /** Power p ≥ 0 of the norms that gradients are divided by. 0: MGDA, 1: unit gradients. */
  readonly p: number;
}

/**
 * d = the smallest-norm point of the hull of g_i / ‖g_i‖^p. Theorem 3.3: ⟨g_i, d⟩ is proportional to ‖g_i‖^p on the
 * active set, and at least that elsewhere.
 *
 * A zero gradient has no direction to rescale. With p > 0 it is omitted, and its progress of 0 is still proportional
 * to its norm to the power p; with p = 0 it is the smallest-norm point itself, and d = 0.
 */
export const gapo = defineCombiner({
  summary: 'the smallest-norm point of the hull of g / ‖g‖^p: all objectives improve in proportion to ‖g‖^p',
  source: 'arXiv 2507.01915, section 3.2',
  settings: {
    p: nonNegativeNumber
      .default(1)
      .describe('Power of the norms that gradients are divided by: 0 is MGDA, 1 makes unit gradients.'),
  },
  options: ({ p }): GapoOptions => ({ p }),
  choose: chooseGapo,
});

function chooseGapo(gram: Gram, { p }: GapoOptions): Choice {
  if (!Number.isFinite(p) || p < 0) throw new RangeError(`gapo: p is ${p}, expected a finite number of at least 0`);
  if (p === 0) return { ...minNorm(gram), leftOut: [] };
  const norms = gradientNorms(gram);
  const all = Array.from(norms.keys());
  const kept = all.filter((i) => f64(norms, i) > 0);
  if (kept.length < all.length) {
    const leftOut = all.filter((i) => f64(norms, i) === 0);
    return kept.length === 0 ? nothingToCombine(leftOut) : among(gram, kept, leftOut, p);
  }
  const solved = minNorm(gram, p);
  // With p = 1 this is the problem that defines the stationarity.
  return { ...solved, leftOut: [], ...(p === 1 && { stationarity: Math.min(1, solved.certificate.squaredNorm) }) };
}

/** Every gradient is zero: no direction, and equal weights. */
function nothingToCombine(leftOut: readonly number[]): Choice {
  const alpha = new Float64Array(leftOut.length).fill(1 / leftOut.length);
  const certificate = { relativeResidual: 0, squaredNorm: 0, active: leftOut, iterations: 0 };
  return { alpha, weights: new Float64Array(leftOut.length), leftOut, certificate };
}

/** The choice among the objectives whose gradient is not zero. */
function among(gram: Gram, kept: readonly number[], leftOut: readonly number[], p: number): Choice {
  const solved = minNorm(restrict(gram, kept), p);
  const alpha = new Float64Array(gram.names.length);
  const weights = new Float64Array(gram.names.length);
  for (const [k, i] of kept.entries()) {
    alpha[i] = f64(solved.alpha, k);
    weights[i] = f64(solved.weights, k);
  }
  const active = solved.certificate.active.map((k) => at(kept, k));
  return { alpha, weights, leftOut, certificate: { ...solved.certificate, active } };
}

/** Rows and columns of the given objectives. */
function restrict(gram: Gram, kept: readonly number[]): Gram {
  const size = gram.names.length;
  const values = Float64Array.from(kept.flatMap((i) => kept.map((j) => f64(gram.values, i * size + j))));
  return { names: kept.map((i) => at(gram.names, i)), values };
}
