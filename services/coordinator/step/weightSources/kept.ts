/** Weights chosen by an earlier step: one gradient per update, of the weighted sum. */
import type { ChosenWeights } from '../../state/trainingState.js';
import type { WeightSource } from './weightSource.js';

/** Creates a source that reuses weights. */
export function keptWeights(chosen: ChosenWeights): WeightSource {
  return { decide: async (update) => ({ ...(await update.weighted(chosen.weights)), chosen }) };
}
