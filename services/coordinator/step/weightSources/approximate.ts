/**
 * Weights from an approximation of the gradients: one exact gradient per update, that of the weighted sum. Every few
 * choices all exact gradients are computed too, to report how far the approximation leads from the exact direction.
 */
import { at } from '@gapo/numeric';
import {
  combine,
  gradientNorms,
  gramMatrix,
  progressOf,
  type Combination,
  type CombineOptions,
  type Gram,
} from '@gapo/objectives';
import type { GramSource } from './gramSources.js';
import { chosenWeights, directionOf, type Choice, type WeightSource } from './weightSource.js';

/**
 * Creates the source that combines an approximate Gram matrix.
 *
 * @param checkEvery the number of choices of which one is compared with the exact one
 */
export function approximateWeights(source: GramSource, checkEvery: number, choice: Choice): WeightSource {
  const { names, options, earlier } = choice;
  return {
    async decide(update) {
      const approximate = await update.approximateGram(source);
      const first = await update.combining(() => combine(approximate, options));
      if (earlier % checkEvery !== 0) {
        const gradient = await update.weighted(first.weights);
        return update.combining(() => {
          const squaredLength = gradient.direction.reduce((sum, slope) => sum + slope * slope, 0);
          const { combination, factor } = toScale(approximate, options, first, squaredLength);
          const direction = gradient.direction.map((slope) => factor * slope);
          return { ...gradient, direction, chosen: chosenWeights(choice, combination) };
        });
      }
      const gradients = await update.perObjective();
      return update.combining(() => {
        const gram = gramMatrix(gradients.objectives, names);
        const { combination } = toScale(approximate, options, first, inner(gram, first.weights, first.weights));
        const { weights } = combination;
        const exact = combine(gram, options);
        const { regularizer, statistics } = gradients;
        const known = {
          norms: gradientNorms(gram),
          progress: progressOf(gram, weights),
          stationarity: exact.stationarity,
        };
        return {
          direction: directionOf(gradients, weights),
          regularizer,
          statistics,
          chosen: chosenWeights(choice, { ...combination, ...known }),
          degrees: angleBetween(gram, weights, exact.weights),
        };
      });
    },
  };
}

/**
 * Brings a combination of an approximate Gram matrix to the scale of the exact gradients.
 *
 * The approximate gradients may be shorter or longer than the exact ones. A method that divides by norms would then give
 * an update that is longer or shorter than its exact one, to which the regularizers no longer fit. The squared length of
 * Σ w_k g_k is known in both: their ratio rescales the approximate Gram matrix, and the method combines it again. Scaling
 * all gradients alike changes only the length of a method's direction.
 *
 * @param first the combination of the Gram matrix as it was answered
 * @param found the exact squared length of first's Σ w_k g_k
 * @returns the combination in the exact scale, and the ratio of its weights to first's
 */
export function toScale(
  approximate: Gram,
  options: CombineOptions,
  first: Combination,
  found: number,
): { readonly combination: Combination; readonly factor: number } {
  const ratio = inner(approximate, first.weights, first.weights) / found;
  if (!(ratio > 0 && Number.isFinite(ratio))) return { combination: first, factor: 1 };
  const values = approximate.values.map((value) => value / ratio);
  const combination = combine({ names: approximate.names, values }, options);
  const factor = dot(combination.weights, first.weights) / dot(first.weights, first.weights);
  return { combination: { ...combination, weights: first.weights.map((weight) => factor * weight) }, factor };
}

/** Returns the angle in degrees between Σ a_k g_k and Σ b_k g_k: 0 where both are zero, 90 where one is. */
export function angleBetween(gram: Gram, a: Float64Array, b: Float64Array): number {
  const [aa, bb] = [Math.max(0, inner(gram, a, a)), Math.max(0, inner(gram, b, b))];
  if (aa === 0 || bb === 0) return aa === bb ? 0 : 90;
  // From the chord between the unit vectors, which keeps its digits where the angle is small.
  const chord = a.map((x, k) => x / Math.sqrt(aa) - at(b, k) / Math.sqrt(bb));
  const half = Math.sqrt(Math.max(0, inner(gram, chord, chord))) / 2;
  return (2 * Math.asin(Math.min(1, half)) * 180) / Math.PI;
}

/** Returns the inner product of Σ a_k g_k and Σ b_k g_k. */
function inner(gram: Gram, a: Float64Array, b: Float64Array): number {
  return dot(progressOf(gram, b), a);
}

function dot(a: Float64Array, b: Float64Array): number {
  return a.reduce((sum, value, k) => sum + value * at(b, k), 0);
}
