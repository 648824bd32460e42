/** Weights that an earlier step chose: one gradient per update, that of the weighted sum. */
import type { ChosenWeights } from '../../state/trainingState.js';
import type { WeightSource } from './weightSource.js';

/** Creates a source that reuses weights. */
export function keptWeights(chosen: ChosenWeights): WeightSource {
  return { decide: async (update) => ({ ...(await update.weighted(chosen.weights)), chosen }) };
}
