/**
 * One objective under constraints on the others: Safe RLHF's PPO-Lagrangian (Dai et al. 2023, arXiv 2310.12773). Its
 * multipliers are plain data.
 */

import { at } from '@gapo/numeric';
import { z } from 'zod';
import type { Gram } from '../gram/gram.js';
import { checkObjective, checkWeights } from './checks.js';
import { defineCombiner, type Choice } from './combiner.js';
import { runningMeans } from './memory.js';
import { checkEntries, objectiveName, runningMeanDecay } from './settings.js';

/** Options of {@link lagrangian}. */
export interface LagrangianOptions {
  /** Index of the objective that is maximised. */
  readonly objective: number;
  /** One for each objective, ≥ 0; that of `objective` is 0. See {@link updateMultiplier}. */
  readonly multipliers: ArrayLike<number>;
}

const positiveNumber = z.number().gt(0).meta({ expected: 'a finite number over 0' });

const constraint = z.strictObject({
  limit: z
    .number()
    .describe("The largest mean cost of a completion that is acceptable. The cost is minus the objective's reward."),
  learningRate: positiveNumber.default(0.05).describe("Step size of the multiplier's logarithm."),
  initial: positiveNumber.default(1).describe('The multiplier before the first step.'),
  per: z
    .enum(['batch', 'prompt'])
    .optional()
    .meta({ absent: '`batch`' })
    .describe(
      'What the limit holds for. `batch`: the mean cost of a batch, so that a harmless answer makes up for a harmful one. ' +
        '`prompt`: every completion; only the cost above the limit counts (RePO).',
    ),
  maximum: positiveNumber.optional().meta({ absent: 'no bound' }).describe('The multiplier never exceeds this.'),
});

/**
 * d = (g_r + Σ λ_i g_i) / (1 + Σ λ_i), the gradient of the normalised Lagrangian, where r is the objective to maximise.
 *
 * All gradients are ascent gradients, including those of constraints: a cost enters as an objective whose rewards are minus
 * the costs, so this is the paper's (A_r - λ A_c) / (1 + λ). Weights do not depend on the gradients.
 *
 * With `per: prompt` (RePO; Peng et al. 2024, "Enhancing Safety in Reinforcement Learning with Human Feedback via Rectified
 * Policy Optimization", arXiv 2410.19933) the reward of a constraint is -max(0, cost - limit): a completion within the limit
 * neither gains from being safer nor makes up for another. The multiplier then grows as long as any completion exceeds the
 * limit.
 */
export const lagrangian = defineCombiner({
  summary: 'one objective under constraints on the others, as in Safe RLHF',
  source: 'Dai et al. 2023, arXiv 2310.12773; `per: prompt`: Peng et al. 2024, arXiv 2410.19933',
  placement: 'section',
  settings: {
    objective: objectiveName.describe('The objective that is maximised.'),
    constraints: z
      .record(z.string(), constraint)
      .meta({ expected: 'a mapping of objectives to constraints' })
      .describe('A constraint for every other objective.'),
    decay: runningMeanDecay
      .default(0)
      .describe(
        'Share of the running mean of costs that a step keeps from the steps before; 0 takes each batch alone.',
      ),
  },
  objectivesFixed: 'with a limit for each objective in its configuration and a multiplier for each in its state',
  check: ({ objective, constraints }, names, refuse) => {
    if (!names.includes(objective)) refuse(['objective'], `one of ${names.join(', ')}`);
    const others = names.filter((name) => name !== objective);
    const words = { each: 'a constraint', only: 'the objectives that are constraints' };
    checkEntries('constraints', constraints, others, words, refuse);
  },
  reward: ({ constraints }, name, reward) => {
    const { limit, per } = constraints[name] ?? {};
    return limit !== undefined && per === 'prompt' ? Math.min(0, reward + limit) : reward;
  },
  initialMemory: ({ constraints }, names) => ({ multipliers: names.map((name) => constraints[name]?.initial ?? 0) }),
  remember: ({ constraints, decay }, memory, names, means) => {
    const rewards = runningMeans(memory['rewards'], means, decay);
    const multipliers = names.map((name, k) => {
      const { limit: largest, learningRate, maximum, per } = constraints[name] ?? {};
      if (largest === undefined || learningRate === undefined) return 0;
      // With per-prompt constraints the reward is minus the cost above the limit, which should be 0.
      const limit = per === 'prompt' ? 0 : largest;
      const multiplier = at(memory['multipliers'] ?? [], k);
      const bound = maximum === undefined ? {} : { maximum };
      try {
        return updateMultiplier({ multiplier, limit, learningRate, ...bound }, -at(rewards, k)).multiplier;
      } catch (error) {
        if (!(error instanceof RangeError)) throw error;
        throw new RangeError(`lagrangian.constraints.${name}: ${error.message}`, { cause: error });
      }
    });
    return { rewards, multipliers };
  },
  options: ({ objective }, { names, memory }): LagrangianOptions => ({
    objective: names.indexOf(objective),
    multipliers: memory['multipliers'] ?? [],
  }),
  choose: chooseLagrangian,
});

function chooseLagrangian(gram: Gram, { objective, multipliers }: LagrangianOptions): Choice {
  const { names } = gram;
  checkObjective(gram, 'lagrangian', objective);
  const given = Float64Array.from(multipliers);
  if (given.length === names.length && given[objective] !== 0) {
    throw new RangeError(
      `multipliers: the number for ${names[objective]} is ${given[objective]}; it is the objective, not a constraint: use 0`,
    );
  }
  if (given.length === names.length) given[objective] = 1;
  const sum = checkWeights(gram, 'multipliers', given);
  const weights = given.map((multiplier) => multiplier / sum);
  return { alpha: Float64Array.from(weights), weights, leftOut: [], certificate: null };
}
/** The multiplier of one constraint "mean cost of an episode ≤ limit", as plain data that checkpoints store as is. */
export interface MultiplierState {
  /** λ > 0, the current value. */
  readonly multiplier: number;
  /** d, the largest acceptable mean cost of an episode, in units of the cost. */
  readonly limit: number;
  /** Step size of log λ, > 0. */
  readonly learningRate: number;
  /** λ never exceeds this, > 0. @default no bound */
  readonly maximum?: number;
}

/**
 * The multiplier after a batch: log λ ← log λ + lr·λ·(mean episode cost - d), the gradient step on log λ of the Lagrangian
 * (Safe RLHF). It grows while the constraint is violated and shrinks, staying above 0, while it holds.
 *
 * @param meanEpisodeCost mean over completions of their cost; for an objective that is minus a cost, minus its mean reward
 * @throws RangeError naming the field or number that is unusable, also if λ would leave the range of float64
 */
export function updateMultiplier(state: MultiplierState, meanEpisodeCost: number): MultiplierState {
  const { multiplier, limit, learningRate, maximum = Infinity } = state;
  const positive = { multiplier, 'learning rate': learningRate };
  for (const [field, value] of Object.entries(positive)) {
    if (!(value > 0 && Number.isFinite(value))) {
      throw new RangeError(`Lagrange multiplier: ${field} is ${value}, expected a finite number above 0`);
    }
  }
  if (!(maximum > 0)) throw new RangeError(`Lagrange multiplier: maximum is ${maximum}, expected a number above 0`);
  for (const [field, value] of Object.entries({ limit, 'mean episode cost': meanEpisodeCost })) {
    if (!Number.isFinite(value)) {
      throw new RangeError(`Lagrange multiplier: ${field} is ${value}, expected a finite number`);
    }
  }
  const next = Math.min(maximum, multiplier * Math.exp(learningRate * multiplier * (meanEpisodeCost - limit)));
  if (!(next > 0 && Number.isFinite(next))) {
    throw new RangeError(
      `Lagrange multiplier: a step from ${multiplier} with cost ${meanEpisodeCost}, limit ${limit} and learning rate ` +
        `${learningRate} leads to ${next}; lower the learning rate or set a maximum`,
    );
  }
  return { ...state, multiplier: next };
}
