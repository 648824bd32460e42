/** SA-MRPO (arXiv 2608.16072): an objective counts less as its mean reward approaches its maximum. */

import { at, mean, required } from '@gapo/numeric';
import { z } from 'zod';
import { checkEntries, nonNegativeNumber } from '../combiners/settings.js';
import { defineWeighting } from './weighting.js';

const range = z
  .tuple([z.number(), z.number()])
  .refine(([low, high]) => low < high)
  .meta({ expected: 'two numbers [low, high], low < high' });

/**
 * factor_k = (1 - s_k)^power with the saturation s_k = (mean reward - low) / (high - low), clamped to [0, 1]. If all
 * objectives are saturated, the configured numbers stay. It keeps no state.
 */
export const saMrpo = defineWeighting({
  summary: "weights that fall as an objective's mean reward nears its greatest value",
  source: 'arXiv 2608.16072',
  settings: {
    ranges: z
      .record(z.string(), range)
      .meta({ expected: 'a mapping of objectives to [low, high]' })
      .describe('The least and the greatest mean reward of each objective, in units of its rewards.'),
    power: nonNegativeNumber.default(0.5).describe('Power of 1 − the saturation. 0 leaves the numbers as configured.'),
  },
  objectivesFixed: 'with a range for each objective in its configuration',
  check: ({ ranges }, names, refuse) =>
    checkEntries(
      'ranges',
      ranges,
      names,
      { each: 'a range [low, high] for every objective', only: 'the objectives' },
      refuse,
    ),
  fromRewards: ({ ranges, power }, memory, names, { rewards }) => ({
    factors: names.map((name, k) => {
      const [low, high] = required(ranges[name], `the range of ${name}`);
      const saturation = (mean(Array.from(at(rewards, k))) - low) / (high - low);
      return Math.pow(1 - Math.max(0, Math.min(1, saturation)), power);
    }),
    memory,
  }),
});
