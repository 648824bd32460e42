/**
 * CTWA (Lu and Jiang 2026, "Uncovering Cross-Objective Interference in Multi-Objective Alignment", arXiv 2602.06869): covariance
 * targeted weight adaptation. Its weights are plain data.
 */

import { at, mean } from '@gapo/numeric';
import { z } from 'zod';
import { signalCorrelation } from '../advantages/correlation.js';
import { runningMeans } from '../combiners/memory.js';
import { checkEntries, nonNegativeNumber, runningMeanDecay } from '../combiners/settings.js';
import { defineWeighting } from './weighting.js';

const correlation = z.number().min(-1).max(1).meta({ expected: 'a correlation from -1 to 1' });

/**
 * log factor_k ← log factor_k + rate · max(0, target_k - c_k), c_k a running mean of the correlation between the objective's
 * rewards and the advantage that is trained on: an objective that the training signal neglects gains weight until it no longer
 * does. An objective whose mean reward has reached its cap gains no weight. A step uses the factors from before its rewards.
 *
 * Two differences from the authors' code: completions are weighted by their advantage alone, without the probability ratio,
 * which is 1 when the signal is made; and none is dropped as an outlier.
 */
export const ctwa = defineWeighting({
  summary: "weights that grow while an objective's rewards correlate too little with the trained advantage",
  source: 'Lu and Jiang 2026, arXiv 2602.06869',
  settings: {
    targets: z
      .record(z.string(), correlation)
      .meta({ expected: 'a mapping of objectives to correlations' })
      .describe("The least correlation of each objective's rewards with the advantage, within a prompt."),
    rate: nonNegativeNumber.default(0.05).describe('Step size of the logarithm of a weight.'),
    decay: runningMeanDecay
      .default(0.9)
      .describe('Share of the running mean of correlations that a step keeps from the steps before.'),
    caps: z
      .record(z.string(), z.number())
      .optional()
      .meta({ expected: 'a mapping of objectives to numbers', absent: 'none' })
      .describe('Mean rewards from which on an objective gains no more weight.'),
  },
  objectivesFixed: 'with a target for each objective in its configuration and a weight for each in its state',
  check: ({ targets, caps }, names, refuse) => {
    checkEntries(
      'targets',
      targets,
      names,
      { each: 'a correlation for every objective', only: 'the objectives' },
      refuse,
    );
    for (const name of Object.keys(caps ?? {})) {
      if (!names.includes(name)) refuse(['caps', name], `the objectives alone: ${names.join(', ')}`);
    }
  },
  initialMemory: (_, names) => ({ logFactors: names.map(() => 0), correlations: [] }),
  fromRewards: ({ targets, rate, decay, caps }, memory, names, { rewards, groups, signal }) => {
    const before = memory['logFactors'] ?? names.map(() => 0);
    const measured = names.map((_, k) => signalCorrelation(at(rewards, k), signal, groups));
    const correlations = runningMeans(memory['correlations'], measured, decay);
    const logFactors = names.map((name, k) => {
      const capped = mean(Array.from(at(rewards, k))) >= (caps?.[name] ?? Infinity);
      const deficit = capped ? 0 : Math.max(0, (targets[name] ?? 0) - at(correlations, k));
      return at(before, k) + rate * deficit;
    });
    return { factors: before.map((logFactor) => Math.exp(logFactor)), memory: { logFactors, correlations } };
  },
});
