/** Aligned-MTL (Senushkin et al. 2023, "Independent Component Alignment for Multi-Task Learning", arXiv 2305.19000). */

import { f64, symmetricEigen } from '@gapo/numeric';
import { gradientNorms, type Gram } from '../gram/gram.js';
import { simplexPreference, type OptionalPreference } from './checks.js';
import { defineCombiner, type Choice } from './combiner.js';
import { optionalPreference } from './settings.js';

/**
 * d = Σ λ_i ĝ_i for gradients ĝ that span the same space with all singular values equal to the smallest non-zero one of
 * the gradient matrix, σ_R. In Gram terms: G = V Σ² Vᵀ over the non-zero eigenvalues, B = σ_R V Σ⁻¹ Vᵀ, w = B·λ
 * (algorithm 1 of the paper, `min` scale).
 *
 * Scaling all gradients by t scales d by t; a single length changes everything. Eigenvalues below 4Kε of the largest
 * count as zero, so gradients more than about 10⁷ times shorter than the longest are ignored. Weights may be negative.
 */
export const alignedMtl = defineCombiner({
  summary: 'the weighted sum of the gradients made orthogonal and of one length',
  source: 'Senushkin et al. 2023, arXiv 2305.19000',
  settings: { preference: optionalPreference },
  steeredBy: 'preference',
  options: (_, { preference }): OptionalPreference => ({ preference }),
  choose: chooseAlignedMtl,
});

function chooseAlignedMtl(gram: Gram, { preference }: OptionalPreference): Choice {
  const alpha = simplexPreference(gram, preference);
  const size = gram.names.length;
  const norms = gradientNorms(gram);
  const longest = norms.reduce((most, norm) => Math.max(most, norm), 0);
  const leftOut = Array.from(norms.keys()).filter((i) => norms[i] === 0);
  const weights = new Float64Array(size);
  if (longest === 0) return { alpha, weights, leftOut, certificate: null };

  // In units of the longest gradient, squared one factor at a time: no product leaves the range of float64.
  const { values, vectors } = symmetricEigen(
    gram.values.map((entry) => entry / longest / longest),
    size,
  );
  const cutoff = 4 * size * Number.EPSILON * f64(values, 0);
  const rank = values.reduce((count, value) => count + (value > cutoff ? 1 : 0), 0);
  const smallest = Math.sqrt(f64(values, rank - 1));
  for (let k = 0; k < rank; k++) {
    let along = 0;
    for (let i = 0; i < size; i++) along += f64(vectors, k * size + i) * f64(alpha, i);
    const factor = (smallest / Math.sqrt(f64(values, k))) * along;
    for (let i = 0; i < size; i++) weights[i] = f64(weights, i) + factor * f64(vectors, k * size + i);
  }
  for (const i of leftOut) weights[i] = 0;
  return { alpha, weights, leftOut, certificate: null };
}
