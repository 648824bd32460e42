/** Selects the weight source of a step. */
import { objectiveNames } from '@gapo/config';
import { deriveSeed } from '@gapo/numeric';
import { combinerOf } from '@gapo/objectives';
import type { ChosenWeights } from '../../state/trainingState.js';
import type { StepContext } from '../context/stepContext.js';
import { approximateWeights } from './approximate.js';
import { exactWeights } from './exact.js';
import { gramSource } from './gramSources.js';
import { keptWeights } from './kept.js';
import { scalarWeights } from './scalar.js';
import type { Choice, WeightSource } from './weightSource.js';

/**
 * Selects the source of a step. The last weights are kept for combine.refreshEvery steps or until the goals change; then
 * combine.source chooses new ones.
 *
 * @param context of the step
 * @param combine combines the objectives' gradients
 * @param kept the last weights
 */
export function weightSource(
  { config, step, goalChanges }: StepContext,
  combine: Choice['combine'],
  kept: ChosenWeights | undefined,
): WeightSource {
  const { source, refreshEvery, checkEvery } = config.combine;
  const changed = goalChanges.some((change) => change.step > (kept?.step ?? 0) && change.step <= step);
  if (kept !== undefined && !changed && step - kept.step < refreshEvery) return keptWeights(kept);
  const choice = { step, names: objectiveNames(config), combine, earlier: kept === undefined ? 0 : kept.earlier + 1 };
  if (combinerOf(config.combine.method).over !== undefined) return scalarWeights(choice);
  if (source === 'exact') return exactWeights(choice);
  return approximateWeights(gramSource(source, deriveSeed(config.seed, 'projection')), checkEvery, choice);
}
