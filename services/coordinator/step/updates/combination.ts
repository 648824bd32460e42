/** Options and memory of the combination of the objectives' gradients. */
import { combinerSettings, objectiveNames, type RunConfig } from '@gapo/config';
import {
  combine,
  combinerOf,
  weighted,
  weightingOf,
  type Combination,
  type CombinationStep,
  type CombineOptions,
  type Gram,
  type Memory,
  type RewardsOfStep,
} from '@gapo/objectives';
import { configuredPreference } from '../../state/goals.js';
import { RunFailure } from '../../state/interruption.js';
import type { CombinationState } from '../../state/trainingState.js';

/** A step's rewards in the form that weightings read, with the signal for given weights. */
export type RewardsForWeights = (weights: Float64Array) => RewardsOfStep;

/**
 * Updates the combination's memory with the rewards of a step, before the step's updates.
 *
 * @param means mean reward of each objective over the step's completions
 * @param step the step's number
 * @param rewards needed by a weighting that reads rewards
 * @throws RunFailure if a number, such as a multiplier, exceeds the range of float64
 */
export function afterRewards(
  config: RunConfig,
  state: CombinationState,
  means: readonly number[],
  step = 1,
  rewards?: RewardsForWeights,
): CombinationState {
  const combiner = combinerOf(config.combine.method);
  const settings = combinerSettings(config);
  const names = objectiveNames(config);
  try {
    const memory = combiner.remember?.(settings, state.memory, names, means);
    return {
      ...state,
      memory: { ...state.memory, ...memory, ...factorsFromRewards(config, state.memory, step, rewards) },
    };
  } catch (error) {
    if (error instanceof RangeError) throw new RunFailure(error.message, { cause: error });
    throw error;
  }
}

/** Returns the memory of a weighting that reads rewards, with the factors of the step. */
function factorsFromRewards(
  { weighting, ...config }: RunConfig,
  before: Memory,
  step: number,
  rewards: RewardsForWeights | undefined,
): Memory {
  const found = weighting && weightingOf(weighting.method);
  if (!found?.fromRewards || rewards === undefined) return {};
  const given = rewards(steeringOf(config, step, before).weights);
  const { factors, memory } = found.fromRewards(weighting ?? {}, before, objectiveNames(config), given);
  return { ...memory, factors };
}

/**
 * Returns the preference or weights of a step: as configured or set, times the factors of the weighting.
 *
 * @param memory the state after {@link afterRewards}
 */
export function steeringOf(
  config: RunConfig,
  step: number,
  memory: Memory,
): Pick<CombinationStep, 'weights' | 'preference'> {
  const given = configuredPreference(config, step) ?? {};
  const weights = weighted(
    Float64Array.from(objectiveNames(config), (name) => given[name] ?? 0),
    memory['factors'],
  );
  const sum = weights.reduce((total, weight) => total + weight, 0);
  return { weights, preference: weights.map((weight) => weight / sum) };
}

/** Returns the weights for summing objectives: those that steer the method, or equal shares. */
export function sharesOf(config: RunConfig, step: number, memory: Memory): Float64Array {
  const { length } = config.objectives;
  if (combinerOf(config.combine.method).steeredBy === undefined) return new Float64Array(length).fill(1 / length);
  return steeringOf(config, step, memory).weights;
}

/** What a step's options depend on, in addition to the configuration. */
export interface CombinationInput extends Pick<CombinationStep, 'step' | 'noonAdvantages' | 'losses'> {
  /** The mean preference of the step's prompts, if it replaces the configured one. Length K. */
  readonly preference?: Float64Array | undefined;
  /** The state after {@link afterRewards}. */
  readonly state: CombinationState;
}

/** Returns the options of a step's combination. Vectors follow the order of the objectives. */
export function combineOptions(
  config: RunConfig,
  { step, state: { memory }, noonAdvantages, losses, preference }: CombinationInput,
): CombineOptions {
  const { method } = config.combine;
  const names = objectiveNames(config);
  const inputs = {
    names,
    seed: config.seed,
    step,
    ...steeringOf(config, step, memory),
    ...(preference && { preference }),
    memory,
    noonAdvantages,
    losses,
  };
  const options = combinerOf(method).options(combinerSettings(config), inputs);
  return { method, ...options } as CombineOptions; // the compiler cannot match method and options
}

/** Combines the gradients of an update; the weighting may read them first. The result includes the updated memory. */
export function combineGradients(config: RunConfig, input: CombinationInput, gram: Gram): Combination {
  const { memory: before } = input.state;
  const { weighting, ...own } = config;
  const found = weighting && weightingOf(weighting.method);
  if (!found?.fromGradients) return combine(gram, combineOptions(config, input));
  const { weights } = steeringOf(own, input.step, {});
  const { factors, memory } = found.fromGradients(weighting ?? {}, before, gram, weights);
  const adapted = { ...memory, factors };
  const combination = combine(
    gram,
    combineOptions(config, { ...input, state: { ...input.state, memory: { ...before, ...adapted } } }),
  );
  return { ...combination, memory: { ...adapted, ...combination.memory } };
}
