/** Weights from the exact gradients of each objective: K gradients per update. */
import { directionOf, gramOf } from './unitAdvantages.js';
import { chosenWeights, type Choice, type WeightSource } from './weightSource.js';

/** Creates a source that combines the exact gradients. */
export function exactWeights(choice: Choice): WeightSource {
  return {
    async decide(update) {
      const gradients = await update.perObjective();
      return update.combining(() => {
        const gram = gramOf(gradients, choice.names);
        const combination = choice.combine(gram);
        const { regularizer, statistics } = gradients;
        const direction = directionOf(gradients, combination.weights);
        const chosen = chosenWeights(choice, combination, gram);
        return { direction, regularizer, statistics, chosen, remembered: combination.memory };
      });
    },
  };
}
