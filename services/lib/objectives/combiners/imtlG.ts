/** IMTL-G (Liu et al. 2021, "Towards Impartial Multi-task Learning", ICLR 2021, section 3.1). */

import { f64, symmetricEigen } from '@gapo/numeric';
import type { Gram } from '../gram/gram.js';
import { multiply, unitGradients, weightsFromAmounts } from '../gram/unitGradients.js';
import { defineCombiner, type Choice } from './combiner.js';

/** Σα below this share of Σ|α| is zero up to rounding. */
const vanishingSum = 1e-12;

/**
 * d = Σ α_i g_i with Σ α_i = 1 and equal projections ⟨d, g_i⟩ / ‖g_i‖ onto all gradients. In amounts x_i = α_i ‖g_i‖ of
 * the unit gradients the projections are C·x, so x ∝ C⁺·1 with the pseudo-inverse of the cosines (where gradients are
 * dependent, projections are as equal as least squares makes them).
 *
 * The direction of d does not depend on any length; its size is fixed by Σ α_i = 1. Weights may be negative. If the sum
 * of the unnormalised weights is negative, all projections are negative too: the method guarantees equality, not
 * progress. If the sum vanishes, no multiple has Σ α_i = 1; then the weights are 0 and α is the same for all.
 */
export const imtlG = defineCombiner({
  summary: 'the direction with equal projections on every gradient',
  source: 'Liu et al. 2021, "Towards Impartial Multi-task Learning", ICLR 2021',
  settings: {},
  options: () => ({}),
  choose: chooseImtlG,
});

function chooseImtlG(gram: Gram): Choice {
  const units = unitGradients(gram);
  const size = units.kept.length;
  const all = gram.names.length;
  const amounts = pseudoInverseOfOnes(units.cosines, size);
  // α up to a factor; dividing by the shortest length first keeps the sum within range.
  const shortest = units.lengths.reduce((least, length) => Math.min(least, length), Infinity);
  const alpha = weightsFromAmounts(all, { ...units, lengths: units.lengths.map((l) => l / shortest) }, amounts);
  const sum = alpha.reduce((total, a) => total + a, 0);
  const magnitude = alpha.reduce((total, a) => total + Math.abs(a), 0);
  if (!(Math.abs(sum) > vanishingSum * magnitude)) {
    const even = new Float64Array(all).fill(1 / all);
    return { alpha: even, weights: new Float64Array(all), leftOut: units.leftOut, certificate: null };
  }
  const normalised = alpha.map((a) => a / sum);
  return { alpha: normalised, weights: Float64Array.from(normalised), leftOut: units.leftOut, certificate: null };
}

/** C⁺·1, refined once against the matrix as given. */
function pseudoInverseOfOnes(cosines: Float64Array, size: number): Float64Array {
  const { values, vectors } = symmetricEigen(cosines, size);
  const cutoff = size * Number.EPSILON * Math.max(0, values[0] ?? 0) * 4;
  const apply = (right: Float64Array): Float64Array => {
    const result = new Float64Array(size);
    for (let k = 0; k < size && f64(values, k) > cutoff; k++) {
      let along = 0;
      for (let i = 0; i < size; i++) along += f64(vectors, k * size + i) * f64(right, i);
      for (let i = 0; i < size; i++) result[i] = f64(result, i) + (along / f64(values, k)) * f64(vectors, k * size + i);
    }
    return result;
  };
  const solution = apply(new Float64Array(size).fill(1));
  const correction = apply(multiply(cosines, solution).map((reached) => 1 - reached));
  return solution.map((x, i) => x + f64(correction, i));
}
