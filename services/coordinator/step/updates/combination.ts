/** How the gradients of a run's objectives are combined in a step, and what the combination remembers of earlier steps. */
import { combinerSettings, objectiveNames, type RunConfig } from '@gapo/config';
import { combinerOf, type CombinationStep, type CombineOptions } from '@gapo/objectives';
import { configuredPreference } from '../../state/goals.js';
import { RunFailure } from '../../state/interruption.js';
import type { CombinationState } from '../../state/trainingState.js';

/**
 * What is remembered once a step's rewards are known, before its updates.
 *
 * @param means mean reward of each objective over the step's completions
 * @throws RunFailure where a number leaves the range of float64, such as a multiplier
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

/** What a step's options depend on, besides the configuration. */
export interface CombinationInput extends Pick<CombinationStep, 'step' | 'noonAdvantages'> {
  /** After the step's rewards. */
  readonly state: CombinationState;
}

/** The options of one step's combination: vectors in the order of the objectives. */
export function combineOptions(config: RunConfig, { step, state, noonAdvantages }: CombinationInput): CombineOptions {
  const { method } = config.combine;
  const names = objectiveNames(config);
  const given = configuredPreference(config, step) ?? {};
  const weights = Float64Array.from(names, (name) => given[name] ?? 0);
  const sum = weights.reduce((total, weight) => total + weight, 0);
  const preference = weights.map((weight) => weight / sum);
  const { seed } = config;
  const { memory } = state;
  const inputs = { names, seed, step, weights, preference, memory, noonAdvantages };
  const options = combinerOf(method).options(combinerSettings(config), inputs);
  return { method, ...options } as CombineOptions; // those of this method: the compiler sees all methods at once
}
