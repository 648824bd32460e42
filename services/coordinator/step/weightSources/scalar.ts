/**
 * Weights of a method that trains on one advantage: its gradient is the direction, and the objectives' gradients are only
 * measured.
 */
import { at } from '@gapo/numeric';
import { gradientNorms, type Gram } from '@gapo/objectives';
import { directionOf, gramOf } from './unitAdvantages.js';
import { chosenWeights, type Choice, type WeightSource } from './weightSource.js';

/** Creates a source that follows the gradient of the single advantage: K + 1 gradients per update, in one backward pass. */
export function scalarWeights(choice: Choice): WeightSource {
  return {
    async decide(update) {
      const gradients = await update.withScalar();
      return update.combining(() => {
        const { names } = choice;
        const whole = gramOf(gradients, [...names, 'the update']); // [K + 1, K + 1]
        const size = names.length;
        const gram = ofObjectives(whole, names);
        const combination = choice.combine(gram);
        const progress = Float64Array.from(names, (_, k) => at(whole.values, k * (size + 1) + size));
        const chosen = chosenWeights(choice, { ...combination, norms: gradientNorms(gram), progress }, gram);
        const { regularizer, statistics } = gradients;
        const direction = directionOf(gradients, [...names.map(() => 0), 1]);
        return { direction, regularizer, statistics, chosen, remembered: combination.memory };
      });
    },
  };
}

/** Returns the Gram matrix without its last row and column. */
function ofObjectives({ values }: Gram, names: readonly string[]): Gram {
  const size = names.length;
  const entries = Float64Array.from({ length: size * size }, (_, entry) =>
    at(values, Math.floor(entry / size) * (size + 1) + (entry % size)),
  );
  return { names, values: entries };
}
