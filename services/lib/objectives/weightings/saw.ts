/** SAW (He et al. 2026, "Stage-Aware Dynamic Weighting", arXiv 2606.07705). */

import { mean, standardDeviation } from '@gapo/numeric';
import { z } from 'zod';
import { checkEntries } from '../combiners/settings.js';
import { defineWeighting } from './weighting.js';

/** Added to |μ|, as in the authors' code. */
const smallest = 1e-8;

/**
 * factor_k = K · CV_k / Σ_j CV_j with the coefficient of variation CV = σ / (|μ| + δ) of an objective's rewards over the
 * batch, σ the sample's. An objective whose rewards have become similar counts less; scaling its rewards changes nothing.
 *
 * A CV needs rewards with a meaningful zero: `offsets` are added first, as the authors do for rewards that can be negative.
 * If no objective varies, all factors are 1. It is stateless: each batch stands alone.
 */
export const saw = defineWeighting({
  summary: "weights in proportion to the coefficient of variation of an objective's rewards",
  source: 'He et al. 2026, arXiv 2606.07705',
  settings: {
    offsets: z
      .record(z.string(), z.number())
      .optional()
      .meta({ expected: 'a mapping of objectives to numbers', absent: '0 for each' })
      .describe("Added to an objective's rewards before their coefficient of variation: minus the least reward."),
  },
  check: ({ offsets }, names, refuse) => {
    if (offsets === undefined) return;
    checkEntries('offsets', offsets, names, { each: 'a number for every objective', only: 'the objectives' }, refuse);
  },
  fromRewards: ({ offsets }, memory, names, { rewards }) => {
    const variations = names.map((name, k) => {
      const values = Array.from(rewards[k] ?? [], (reward) => reward + (offsets?.[name] ?? 0));
      return values.length < 2 ? 0 : standardDeviation(values, 'sample') / (Math.abs(mean(values)) + smallest);
    });
    const total = variations.reduce((sum, variation) => sum + variation, 0);
    const factors = variations.map((variation) => (total > 0 ? (names.length * variation) / total : 1));
    return { factors, memory };
  },
});
