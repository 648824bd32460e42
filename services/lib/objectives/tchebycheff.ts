/**
 * Tchebycheff scalarisation (Bowman 1976; Miettinen 1999, section 3.4) and its smooth form (Lin et al. 2024, "Smooth
 * Tchebycheff Scalarization for Multi-Objective Optimization", arXiv 2402.19078).
 */

import { checkFinite, simplexPreference, type Combiner } from './combiner.js';

/**
 * Ascent on -max_i λ_i (z_i - J_i) for current values J and a reference z: only the objective k that is furthest from
 * its reference counts, d = λ_k g_k. Unlike a weighted sum it reaches the concave parts of a front.
 *
 * With smoothing μ > 0 the maximum is μ log Σ exp(λ_i (z_i - J_i) / μ), which every objective takes part in:
 * d = Σ α_i λ_i g_i with α the softmax of λ_i (z_i - J_i) / μ. As μ → 0 that is the maximum, and objectives at an equal
 * distance share it.
 *
 * Linear in the length of each gradient; nothing about d depends on the Gram matrix.
 */
export const tchebycheff: Combiner<'tchebycheff'> = (gram, { preference, values, reference, smoothing = 0 }) => {
  const lambda = simplexPreference(gram, preference);
  checkFinite(gram, 'values', values);
  checkFinite(gram, 'reference', reference);
  if (!(smoothing >= 0 && Number.isFinite(smoothing))) {
    throw new RangeError(`tchebycheff: smoothing is ${smoothing}, expected a finite number of at least 0`);
  }
  const distances = lambda.map((share, i) => (share === 0 ? -Infinity : share * (reference[i]! - values[i]!)));
  const furthest = distances.reduce((most, distance) => Math.max(most, distance), -Infinity);
  if (!Number.isFinite(furthest)) {
    throw new RangeError(`tchebycheff: the distance ${furthest} of values from the reference is beyond float64`);
  }
  const shares = distances.map((distance) => {
    if (distance === furthest) return 1;
    return smoothing === 0 ? 0 : Math.exp((distance - furthest) / smoothing);
  });
  const sum = shares.reduce((total, share) => total + share, 0);
  const alpha = shares.map((share) => share / sum);
  return { alpha, weights: alpha.map((a, i) => a * lambda[i]!), leftOut: [], certificate: null };
};
