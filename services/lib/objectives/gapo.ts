/** MGDA and GAPO (arXiv 2507.01915, sections 3.1 and 3.2). */

import { type Choice, type Combiner } from './combiner.js';
import { gradientNorms, type Gram } from './gram.js';
import { minNorm } from './minNorm.js';

/**
 * d = the smallest-norm point of the convex hull of the gradients. Theorem 3.1: ⟨g_i, d⟩ ≥ ‖d‖² for every i, with
 * equality where α_i > 0; d = 0 exactly when the policy is Pareto stationary, which a single zero gradient makes it.
 */
export const mgda: Combiner<'mgda'> = (gram) => gapo(gram, { method: 'gapo', p: 0 });

/**
 * d = the smallest-norm point of the hull of g_i / ‖g_i‖^p. Theorem 3.3: ⟨g_i, d⟩ is proportional to ‖g_i‖^p on the
 * active set, and at least that elsewhere.
 *
 * A zero gradient has no direction to rescale. With p > 0 it is left out, and its progress of 0 is again proportional
 * to its norm to the power p; with p = 0 it is the smallest-norm point itself, and d = 0.
 */
export const gapo: Combiner<'gapo'> = (gram, { p }) => {
  if (!Number.isFinite(p) || p < 0) throw new RangeError(`gapo: p is ${p}, expected a finite number of at least 0`);
  if (p === 0) return { ...minNorm(gram), leftOut: [] };
  const norms = gradientNorms(gram);
  if (!norms.includes(0)) return { ...minNorm(gram, p), leftOut: [] };
  const all = Array.from(norms.keys());
  const kept = all.filter((i) => norms[i]! > 0);
  const leftOut = all.filter((i) => norms[i] === 0);
  return kept.length === 0 ? nothingToCombine(leftOut) : among(gram, kept, leftOut, p);
};

/** Every gradient is zero: no direction, and all objectives alike. */
function nothingToCombine(leftOut: readonly number[]): Choice {
  const alpha = new Float64Array(leftOut.length).fill(1 / leftOut.length);
  const certificate = { relativeResidual: 0, squaredNorm: 0, active: leftOut, iterations: 0 };
  return { alpha, weights: new Float64Array(leftOut.length), leftOut, certificate };
}

function among(gram: Gram, kept: readonly number[], leftOut: readonly number[], p: number): Choice {
  const solved = minNorm(restrict(gram, kept), p);
  const alpha = new Float64Array(gram.names.length);
  const weights = new Float64Array(gram.names.length);
  kept.forEach((i, k) => {
    alpha[i] = solved.alpha[k]!;
    weights[i] = solved.weights[k]!;
  });
  const active = solved.certificate.active.map((k) => kept[k]!);
  return { alpha, weights, leftOut, certificate: { ...solved.certificate, active } };
}

/** Rows and columns of the given objectives. */
function restrict(gram: Gram, kept: readonly number[]): Gram {
  const size = gram.names.length;
  const values = Float64Array.from(kept.flatMap((i) => kept.map((j) => gram.values[i * size + j]!)));
  return { names: kept.map((i) => gram.names[i]!), values };
}
