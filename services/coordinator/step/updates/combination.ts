/** How the gradients of a run's objectives are combined in a step, and what that remembers of earlier steps. */
import { objectiveNames, type CombineConfig, type RunConfig } from '@gapo/config';
import { updateMultiplier, type CombineOptions, type Method } from '@gapo/objectives';
import { configuredPreference } from '../../state/goals.js';
import { RunFailure } from '../../state/interruption.js';
import type { CombinationState } from '../../state/trainingState.js';

/**
 * What is remembered once a step's rewards are known and before its updates: running means, then each constraint's
 * multiplier by the mean cost of a completion, which is minus the mean reward (PPO-Lagrangian of Safe RLHF).
 *
 * @param means mean reward of each objective over the step's completions
 * @throws RunFailure where a multiplier leaves the range of numbers
 */
export function afterRewards(config: RunConfig, state: CombinationState, means: readonly number[]): CombinationState {
  const { combine, lagrangian } = config;
  const decay = combine.method === 'tchebycheff' ? combine.decay : lagrangian?.decay;
  if (decay === undefined) return state;
  const rewards = means.map((mean, k) => {
    const before = state.rewards[k];
    return before === undefined ? mean : decay * before + (1 - decay) * mean;
  });
  if (lagrangian === undefined) return { ...state, rewards };
  const multipliers = objectiveNames(config).map((name, k) => {
    const constraint = lagrangian.constraints[name];
    if (constraint === undefined) return 0;
    const { limit, learningRate, maximum } = constraint;
    const multiplier = state.multipliers[k]!;
    const bound = maximum === undefined ? {} : { maximum };
    try {
      return updateMultiplier({ multiplier, limit, learningRate, ...bound }, -rewards[k]!).multiplier;
    } catch (error) {
      throw new RunFailure(`lagrangian.constraints.${name}: ${(error as Error).message}`, { cause: error });
    }
  });
  return { ...state, rewards, multipliers };
}

/** What a step's options are made from, besides the configuration. */
export interface CombinationInput {
  /** The step, from 1. */
  readonly step: number;
  /** After the step's rewards. */
  readonly state: CombinationState;
  /** Mean over tokens of each objective's advantages with negative ones as 0. */
  readonly noonAdvantages: readonly number[];
}

/** An input with vectors in the order of the objectives. */
interface Ordered extends CombinationInput {
  readonly names: readonly string[];
  readonly seed: number;
  readonly lagrangian: RunConfig['lagrangian'];
  /** The preference or weights of the step as they were given. */
  readonly weights: Float64Array;
  /** The same, summing to 1. */
  readonly simplex: Float64Array;
}

type Chosen<M extends Method> = Extract<CombineConfig, { method: M }>;

/** From each method's configuration to the options that the objectives library takes. */
const options: { readonly [M in Method]: (chosen: Chosen<M>, input: Ordered) => CombineOptions<M> } = {
  mgda: () => ({ method: 'mgda' }),
  gapo: ({ p }) => ({ method: 'gapo', p }),
  pgapo: ({ nonConflicting }, { simplex }) => ({ method: 'pgapo', preference: simplex, nonConflicting }),
  linear: (_, { weights }) => ({ method: 'linear', weights }),
  single: ({ objective }, { names }) => ({ method: 'single', objective: names.indexOf(objective) }),
  lagrangian: (_, { names, lagrangian, state: { multipliers } }) => ({
    method: 'lagrangian',
    objective: names.indexOf(lagrangian!.objective),
    multipliers,
  }),
  tchebycheff: ({ reference, smoothing }, { names, simplex, state: { rewards } }) => ({
    method: 'tchebycheff',
    preference: simplex,
    values: rewards,
    reference: names.map((name) => reference[name]!),
    smoothing,
  }),
  pcgrad: ({ order }, { seed, step }) => ({ method: 'pcgrad', order: order === 'all' ? 'all' : { seed, step } }),
  cagrad: ({ radius }) => ({ method: 'cagrad', radius }),
  'imtl-g': () => ({ method: 'imtl-g' }),
  'nash-mtl': () => ({ method: 'nash-mtl' }),
  'aligned-mtl': (_, { simplex }) => ({ method: 'aligned-mtl', preference: simplex }),
  upgrad: (_, { simplex }) => ({ method: 'upgrad', preference: simplex }),
  dualproj: (_, { simplex }) => ({ method: 'dualproj', preference: simplex }),
  pama: (_, { noonAdvantages }) => ({ method: 'pama', advantages: noonAdvantages }),
};

/** The options of one step's combination: vectors in the order of the objectives. */
export function combineOptions(config: RunConfig, input: CombinationInput): CombineOptions {
  const names = objectiveNames(config);
  const given = configuredPreference(config, input.step) ?? {};
  const weights = Float64Array.from(names, (name) => given[name] ?? 0);
  const sum = weights.reduce((total, weight) => total + weight, 0);
  const simplex = weights.map((weight) => weight / sum);
  const { seed, lagrangian } = config;
  return optionsOf(config.combine, { ...input, names, seed, lagrangian, weights, simplex });
}

function optionsOf<M extends Method>(chosen: Chosen<M>, input: Ordered): CombineOptions<M> {
  return (options[chosen.method] as (chosen: Chosen<M>, input: Ordered) => CombineOptions<M>)(chosen, input);
}
