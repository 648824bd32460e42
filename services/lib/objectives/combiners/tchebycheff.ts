/**
 * Tchebycheff scalarisation (Bowman 1976; Miettinen 1999, section 3.4) and its smooth form (Lin et al. 2024, "Smooth
 * Tchebycheff Scalarization for Multi-Objective Optimization", arXiv 2402.19078).
 */

import { at, f64, required } from '@gapo/numeric';
import { z } from 'zod';
import type { Gram } from '../gram/gram.js';
import { checkFinite, simplexPreference } from './checks.js';
import { defineCombiner, type Choice } from './combiner.js';
import { runningMeans } from './memory.js';
import { checkNumbers, nonNegativeNumber, optionalPreference, runningMeanDecay } from './settings.js';

/** Options of {@link tchebycheff}. */
export interface TchebycheffOptions {
  /** λ on the simplex, length K; an objective with 0 is ignored. */
  readonly preference: ArrayLike<number>;
  /** Current value of each objective (mean reward), higher is better. Length K. */
  readonly values: ArrayLike<number>;
  /** The target value of each objective, usually slightly out of reach. Length K. */
  readonly reference: ArrayLike<number>;
  /** Temperature μ ≥ 0 of the maximum, in units of λ·value. @default 0, the maximum itself */
  readonly smoothing?: number;
}

/**
 * Ascent on -max_i λ_i (z_i - J_i) for current values J and a reference z: only the objective k that is furthest from
 * its reference counts, d = λ_k g_k. Unlike a weighted sum it reaches the concave parts of a front.
 *
 * With smoothing μ > 0 the maximum is μ log Σ exp(λ_i (z_i - J_i) / μ), in which every objective takes part: d = Σ α_i
 * λ_i g_i with α the softmax of λ_i (z_i - J_i) / μ. As μ → 0 this becomes the maximum, shared by objectives at an
 * equal distance.
 *
 * Linear in the length of each gradient; the weights do not depend on the Gram matrix.
 */
export const tchebycheff = defineCombiner({
  summary: 'λ g of the objective that is furthest from its reference, or a smooth maximum over all',
  source: 'Bowman 1976; Lin et al. 2024, arXiv 2402.19078',
  settings: {
    preference: optionalPreference,
    reference: z
      .record(z.string(), z.number())
      .meta({ expected: 'a mapping of objectives to numbers' })
      .describe('The mean reward of each objective to aim at, slightly out of reach.'),
    smoothing: nonNegativeNumber
      .default(0)
      .describe('Temperature of the maximum, in units of λ × reward; 0 takes the maximum itself.'),
    decay: runningMeanDecay
      .default(0.9)
      .describe(
        'Share of the running mean of rewards that a step keeps from the steps before; 0 takes each batch alone.',
      ),
  },
  steeredBy: 'preference',
  objectivesFixed: 'with a reference for each objective in its configuration and a mean for each in its state',
  check: ({ reference }, names, refuse) => checkNumbers('reference', reference, names, refuse),
  remember: ({ decay }, memory, _, means) => ({ ...memory, rewards: runningMeans(memory['rewards'], means, decay) }),
  options: ({ reference, smoothing }, { names, preference, memory }): TchebycheffOptions => ({
    preference,
    values: memory['rewards'] ?? [],
    reference: names.map((name) => required(reference[name], `the reference of ${name}`)),
    smoothing,
  }),
  choose: chooseTchebycheff,
});

function chooseTchebycheff(gram: Gram, { preference, values, reference, smoothing = 0 }: TchebycheffOptions): Choice {
  const lambda = simplexPreference(gram, preference);
  checkFinite(gram, 'values', values);
  checkFinite(gram, 'reference', reference);
  if (!(smoothing >= 0 && Number.isFinite(smoothing))) {
    throw new RangeError(`tchebycheff: smoothing is ${smoothing}, expected a finite number of at least 0`);
  }
  const distances = lambda.map((share, i) => (share === 0 ? -Infinity : share * (at(reference, i) - at(values, i))));
  const furthest = distances.reduce((most, distance) => Math.max(most, distance), -Infinity);
  if (!Number.isFinite(furthest)) {
    throw new RangeError(`tchebycheff: the distance ${furthest} of values from the reference is beyond float64`);
  }
  const shares = distances.map((distance) => {
    if (distance === furthest) return 1;
    return smoothing === 0 ? 0 : Math.exp((distance - furthest) / smoothing);
  });
  const sum = shares.reduce((total, share) => total + share, 0);
  const alpha = shares.map((share) => share / sum);
  return { alpha, weights: alpha.map((a, i) => a * f64(lambda, i)), leftOut: [], certificate: null };
}
