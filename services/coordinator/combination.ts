/** How the gradients of a run's objectives are combined in a step, as the objectives library takes it. */
import type { CombineOptions } from '@gapo/objectives';
import { objectiveNames, type RunConfig } from './runConfig.js';

type Combine = RunConfig['combine'];

/** Methods whose preference or weights can be changed while a run runs. */
export const STEERED_METHODS: readonly Combine['method'][] = ['pgapo', 'linear'];

/** The preference or weights that a configuration names, by objective; undefined where its method takes none. */
export function configuredPreference(combine: Combine): Record<string, number> | undefined {
  if (combine.method === 'pgapo') return combine.preference;
  if (combine.method === 'linear') return combine.weights;
  return undefined;
}

/**
 * The options of one step's combination: vectors in the order of the objectives.
 *
 * @param preference in force in that step, where somebody changed the configuration's
 */
export function combineOptions(config: RunConfig, preference?: Readonly<Record<string, number>>): CombineOptions {
  const names = objectiveNames(config);
  const { combine: chosen } = config;
  const vector = (numbers: Readonly<Record<string, number>>): Float64Array =>
    Float64Array.from(names, (name) => numbers[name]!);
  switch (chosen.method) {
    case 'mgda':
      return { method: 'mgda' };
    case 'gapo':
      return { method: 'gapo', p: chosen.p };
    case 'pgapo':
      return { method: 'pgapo', preference: onSimplex(vector(preference ?? chosen.preference)) };
    case 'linear':
      return { method: 'linear', weights: vector(preference ?? chosen.weights) };
    case 'single':
      return { method: 'single', objective: names.indexOf(chosen.objective) };
  }
}

function onSimplex(numbers: Float64Array): Float64Array {
  const sum = numbers.reduce((total, number) => total + number, 0);
  return numbers.map((number) => number / sum);
}
