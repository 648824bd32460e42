/**
 * Weights from an approximate Gram matrix: one exact gradient per update, of the weighted sum. Every few choices, all
 * exact gradients are computed as well, to measure the angle between the approximate and the exact direction.
 */
import { at } from '@gapo/numeric';
import { gradientNorms, progressOf, type Combination, type Gram } from '@gapo/objectives';
import type { GramSource } from './gramSources.js';
import { directionOf, gramOf } from './unitAdvantages.js';
import { chosenWeights, type Choice, type WeightSource } from './weightSource.js';

/**
 * Creates a source that combines an approximate Gram matrix.
 *
 * @param checkEvery compares every n-th choice with the exact one
 */
export function approximateWeights(source: GramSource, checkEvery: number, choice: Choice): WeightSource {
  const { names, combine, earlier } = choice;
  return {
    async decide(update) {
      const approximate = await update.approximateGram(source);
      const initial = await update.combining(() => combine(approximate));
      if (earlier % checkEvery !== 0) {
        const gradient = await update.weighted(initial.weights);
        return update.combining(() => {
          const squaredLength = gradient.direction.reduce((sum, slope) => sum + slope * slope, 0);
          const { combination, factor } = rescaled(approximate, combine, initial, squaredLength);
          const direction = gradient.direction.map((slope) => factor * slope);
          const chosen = chosenWeights(choice, combination, approximate);
          return { ...gradient, direction, chosen, remembered: initial.memory };
        });
      }
      const gradients = await update.perObjective();
      return update.combining(() => {
        const gram = gramOf(gradients, names);
        const { combination } = rescaled(approximate, combine, initial, inner(gram, initial.weights, initial.weights));
        const { weights } = combination;
        const exact = combine(gram);
        const { regularizer, statistics } = gradients;
        const measured = {
          norms: gradientNorms(gram),
          progress: progressOf(gram, weights),
          stationarity: exact.stationarity,
        };
        return {
          direction: directionOf(gradients, weights),
          regularizer,
          statistics,
          chosen: chosenWeights(choice, { ...combination, ...measured }, gram),
          remembered: initial.memory,
          degrees: angleBetween(gram, weights, exact.weights),
        };
      });
    },
  };
}

/**
 * Rescales a combination of an approximate Gram matrix to the scale of the exact gradients.
 *
 * The approximate gradients may be shorter or longer than the exact ones. A method that divides by norms would then yield
 * an update of the wrong length, out of proportion to the regularizers. The ratio of the approximate to the exact squared
 * length of Σ w_k g_k rescales the approximate Gram matrix, which the method then combines again. A common scale of all
 * gradients changes only the length of the direction.
 *
 * @param combine the method
 * @param initial the combination of the unscaled Gram matrix
 * @param squaredLength of the exact Σ w_k g_k, with the initial weights
 * @returns the rescaled combination, and the ratio of its weights to the initial ones
 */
export function rescaled(
  approximate: Gram,
  combine: Choice['combine'],
  initial: Combination,
  squaredLength: number,
): { readonly combination: Combination; readonly factor: number } {
  const ratio = inner(approximate, initial.weights, initial.weights) / squaredLength;
  if (!(ratio > 0 && Number.isFinite(ratio))) return { combination: initial, factor: 1 };
  const values = approximate.values.map((value) => value / ratio);
  const combination = combine({ names: approximate.names, values });
  const factor = dot(combination.weights, initial.weights) / dot(initial.weights, initial.weights);
  return { combination: { ...combination, weights: initial.weights.map((weight) => factor * weight) }, factor };
}

/** Returns the angle in degrees between Σ a_k g_k and Σ b_k g_k: 0 if both are zero, 90 if one is. */
export function angleBetween(gram: Gram, a: Float64Array, b: Float64Array): number {
  const [aa, bb] = [Math.max(0, inner(gram, a, a)), Math.max(0, inner(gram, b, b))];
  if (aa === 0 || bb === 0) return aa === bb ? 0 : 90;
  // Computed from the chord between the unit vectors, which is accurate for small angles.
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
