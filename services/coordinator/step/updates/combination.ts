/** Options and memory of the combination of the objectives' gradients. */
import { combinerSettings, objectiveNames, type RunConfig } from '@gapo/config';
import { combinerOf, type CombinationStep, type CombineOptions } from '@gapo/objectives';
import { configuredPreference } from '../../state/goals.js';
import { RunFailure } from '../../state/interruption.js';
import type { CombinationState } from '../../state/trainingState.js';

/**
 * Updates the combination's memory with the rewards of a step, before the step's updates.
 *
 * @param means mean reward of each objective over the step's completions
 * @throws RunFailure if a number, such as a multiplier, exceeds the range of float64
 */
export function afterRewards(config: RunConfig, state: CombinationState, means: readonly number[]): CombinationState {
  const combiner = combinerOf(config.combine.method);
  const settings = combinerSettings(config);
  try {
    const memory = combiner.remember?.(settings, state.memory, objectiveNames(config), means);
    return { ...state, memory: { ...state.memory, ...memory } };
  } catch (error) {
    if (error instanceof RangeError) throw new RunFailure(error.message, { cause: error });
    throw error;
  }
}

/** What a step's options depend on, in addition to the configuration. */
export interface CombinationInput extends Pick<CombinationStep, 'step' | 'noonAdvantages' | 'losses'> {
  /** The state after {@link afterRewards}. */
  readonly state: CombinationState;
}

/** Returns the options of a step's combination. Vectors follow the order of the objectives. */
export function combineOptions(
  config: RunConfig,
  { step, state, noonAdvantages, losses }: CombinationInput,
): CombineOptions {
  const { method } = config.combine;
  const names = objectiveNames(config);
  const given = configuredPreference(config, step) ?? {};
  const weights = Float64Array.from(names, (name) => given[name] ?? 0);
  const sum = weights.reduce((total, weight) => total + weight, 0);
  const preference = weights.map((weight) => weight / sum);
  const inputs = { names, seed: config.seed, step, weights, preference, memory: state.memory, noonAdvantages, losses };
  const options = combinerOf(method).options(combinerSettings(config), inputs);
  return { method, ...options } as CombineOptions; // the compiler cannot match method and options
}
