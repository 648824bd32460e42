/** Random preferences, each a function of (seed, step, prompt). */

import { uniform } from '@gapo/numeric';
import { preferenceLevels } from './levels.js';

/** The distribution of preferences over K objectives. */
export interface PreferenceDistribution {
  /** K. */
  readonly objectives: number;
  /** Parameter of the symmetric Dirichlet distribution, > 0. */
  readonly concentration: number;
  /** Share of draws with a single objective, from 0 to 1. */
  readonly corners: number;
  /** The sum of the levels of a draw. */
  readonly levels: number;
}

/**
 * Draws the levels of the objectives for one prompt: a corner of the simplex, or a draw of the symmetric Dirichlet distribution
 * rounded to levels.
 *
 * @param distribution of preferences
 * @param seed of this purpose
 * @param step integer in [0, 2³²)
 * @param prompt the counter of the prompt in the step, integer in [0, 2³²)
 * @returns integers ≥ 0 that sum to `levels`, length K
 */
export function drawPreference(
  distribution: PreferenceDistribution,
  seed: number,
  step: number,
  prompt: number,
): number[] {
  const { objectives, concentration, corners, levels } = distribution;
  const draw = (component: number, index: number): number => uniform(seed, step, prompt, component, index);
  if (draw(objectives, 0) < corners) {
    const corner = Math.floor(draw(objectives, 1) * objectives);
    return Array.from({ length: objectives }, (_, k) => (k === corner ? levels : 0));
  }
  const logs = Array.from({ length: objectives }, (_, k) => logGamma(concentration, (index) => draw(k, index)));
  const largest = Math.max(...logs);
  // Gamma variates divided by their sum. For tiny concentrations they are too small for float64, but their quotients are not.
  return preferenceLevels(
    logs.map((log) => Math.exp(log - largest)),
    levels,
  );
}

/**
 * Returns the logarithm of a gamma variate with scale 1, by rejection (Marsaglia and Tsang 2000, "A simple method for generating
 * gamma variables"). Shapes below 1 are drawn as Γ(shape + 1) · U^(1 / shape).
 *
 * @param draw returns a uniform number in [0, 1) by its index
 */
function logGamma(shape: number, draw: (index: number) => number): number {
  if (shape < 1) return logGamma(shape + 1, (index) => draw(index + 1)) + Math.log(1 - draw(0)) / shape;
  const d = shape - 1 / 3;
  const c = 1 / Math.sqrt(9 * d);
  for (let index = 0; ; index += 3) {
    const normal = Math.sqrt(-2 * Math.log(1 - draw(index))) * Math.cos(2 * Math.PI * draw(index + 1));
    const v = (1 + c * normal) ** 3;
    if (v <= 0) continue;
    if (Math.log(1 - draw(index + 2)) < normal ** 2 / 2 + d - d * v + d * Math.log(v)) return Math.log(d * v);
  }
}
