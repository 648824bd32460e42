/** Selects the weight source of a step. */
import { objectiveNames } from '@gapo/config';
import { deriveSeed } from '@gapo/numeric';
import type { CombineOptions } from '@gapo/objectives';
import type { ChosenWeights } from '../../state/trainingState.js';
import type { StepContext } from '../context/stepContext.js';
import { approximateWeights } from './approximate.js';
import { exactWeights } from './exact.js';
import { gramSource } from './gramSources.js';
import { keptWeights } from './kept.js';
import type { WeightSource } from './weightSource.js';

/**
 * Selects the source of a step. The last weights are kept for combine.refreshEvery steps or until the goals change; then
 * combine.source chooses new ones.
 *
 * @param context of the step
 * @param options of the combination
 * @param kept the last weights
 */
export function weightSource(
  { config, step, goalChanges }: StepContext,
  options: CombineOptions,
  kept: ChosenWeights | undefined,
): WeightSource {
  const { source, refreshEvery, checkEvery } = config.combine;
  const changed = goalChanges.some((change) => change.step > (kept?.step ?? 0) && change.step <= step);
  if (kept !== undefined && !changed && step - kept.step < refreshEvery) return keptWeights(kept);
  const choice = { step, names: objectiveNames(config), options, earlier: kept === undefined ? 0 : kept.earlier + 1 };
  if (source === 'exact') return exactWeights(choice);
  return approximateWeights(gramSource(source, deriveSeed(config.seed, 'projection')), checkEvery, choice);
}
