/**
 * Gradient-based weight optimisation (Lu et al. 2025, "Learning to Optimize Multi-Objective Alignment Through Dynamic Reward
 * Weighting", arXiv 2509.11452). Its weights are plain data.
 */

import { at, f64 } from '@gapo/numeric';
import { nonNegativeNumber } from '../combiners/settings.js';
import { progressOf } from '../gram/gram.js';
import { defineWeighting } from './weighting.js';

/**
 * log w_k ← log w_k + rate · Σ_j G_kj, then w ← softmax: mirror ascent on the weights. An objective whose gradient agrees
 * with the sum of all gains weight, and more so with a longer gradient. The factors of an update follow from its own
 * gradients; the rate is the paper's η / μ.
 */
export const dynamic = defineWeighting({
  summary: "weights that grow with the inner product of an objective's gradient and the sum of all",
  source: 'Lu et al. 2025, arXiv 2509.11452',
  settings: {
    rate: nonNegativeNumber.describe('Step size of the logarithm of a weight, in units of 1 / squared gradient norm.'),
  },
  objectivesFixed: 'with a weight for each objective in its state',
  initialMemory: (_, names) => ({ logFactors: names.map(() => 0) }),
  fromGradients: ({ rate }, memory, gram, weights) => {
    const size = gram.names.length;
    const influence = progressOf(gram, new Float64Array(size).fill(1));
    const before = memory['logFactors'] ?? new Array<number>(size).fill(0);
    const raised = before.map((logFactor, k) => logFactor + rate * f64(influence, k));
    // The softmax, as factors of the weights: Σ w_k factor_k stays Σ w_k.
    const largest = Math.max(...raised.filter((_, k) => at(weights, k) > 0));
    let [sum, total] = [0, 0];
    for (const [k, logFactor] of raised.entries()) {
      sum += at(weights, k);
      total += at(weights, k) > 0 ? at(weights, k) * Math.exp(logFactor - largest) : 0;
    }
    const shift = largest + Math.log(total / sum);
    const logFactors = raised.map((logFactor) => Math.max(lowest, Math.min(-lowest, logFactor - shift)));
    return { factors: logFactors.map((logFactor) => Math.exp(logFactor)), memory: { logFactors } };
  },
});

/** The exponential of anything smaller is 0 or nearly so; this keeps weights within the range of float64. */
const lowest = -600;
