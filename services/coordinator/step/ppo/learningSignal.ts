/** From rewards to the learning signal of PPO: advantages of each objective, and targets for the critics. */
import type { RunConfig } from '@gapo/config';
import { at } from '@gapo/numeric';
import { gaeAdvantages, groupNormalizedAdvantages, rlooAdvantages, whiten } from '@gapo/objectives';
import { padded, setColumn, sumsOf, unpad, type Batch } from '../../data/batch.js';
import type { LearningSignal } from '../updates/lossInputs.js';

/** Inputs of the learning signal of K objectives. */
export interface SignalInput {
  /** The objectives' names. */
  readonly names: readonly string[];
  readonly batch: Batch;
  /** K arrays with one finite score per completion. */
  readonly scores: readonly Float64Array[];
  readonly ppo: RunConfig['ppo'];
  /** β and the k1 estimate of each token, if KL is part of the reward. */
  readonly klInReward: { readonly coefficient: number; readonly k1: Float64Array } | undefined;
  /** The critics' values, [tokens, K]; undefined without critics. */
  readonly values: Float32Array | undefined;
}

/**
 * Computes the learning signal of a batch. Every objective's reward is reduced by the penalty for truncated completions
 * and, if KL is part of the reward, by β·KL: per completion without critics, per token with GAE. The advantages of each
 * objective are whitened over the batch and never summed over objectives.
 *
 * @throws RangeError for a prompt with a single completion, without critics
 */
export function learningSignal(input: SignalInput): LearningSignal {
  return input.ppo.advantages === 'gae' ? tokenSignal(input) : sequenceSignal(input);
}

/** Returns an objective's reward of each completion without KL: the clamped score minus the penalty. */
function rewardsOf({ batch, ppo }: SignalInput, scores: Float64Array): Float64Array {
  const [low, high] = ppo.rewardClamp ?? [-Infinity, Infinity];
  return scores.map((score, i) => {
    const clamped = Math.min(high, Math.max(low, score));
    return at(batch.samples, i).finished ? clamped : clamped - ppo.missingEosPenalty;
  });
}

function sequenceSignal(input: SignalInput): LearningSignal {
  const { names, batch, scores, ppo, klInReward } = input;
  const count = names.length;
  const advantages = new Float32Array(batch.samples.length * count); // [completions, K]
  const groups = batch.samples.map(({ prompt }) => prompt);
  const penalties = klInReward && sumsOf(klInReward.k1, batch.lengths).map((kl) => klInReward.coefficient * kl);
  const deviation = ppo.groupDeviation ?? 'population';
  const advantagesOf = (given: Parameters<typeof rlooAdvantages>[0]): Float64Array =>
    ppo.advantages === 'group' ? groupNormalizedAdvantages(given, { deviation }) : rlooAdvantages(given);
  names.forEach((objective, k) => {
    const scored = rewardsOf(input, at(scores, k));
    const rewards = penalties ? scored.map((reward, i) => reward - at(penalties, i)) : scored;
    const raw = advantagesOf({ objective, rewards, groups });
    setColumn(advantages, count, k, ppo.normalizeAdvantages ? whiten(objective, raw).values : raw);
  });
  return { perToken: false, advantages, returns: undefined };
}

function tokenSignal(input: SignalInput): LearningSignal {
  const { names, batch, scores, ppo, klInReward, values } = input;
  const { lengths, tokens } = batch;
  if (ppo.gae === undefined || values === undefined)
    throw new RangeError('GAE needs ppo.gae and the values of the critics');
  const { gamma, lambda } = ppo.gae;
  const width = Math.max(...lengths);
  const layout = { width, lengths };
  const count = names.length;
  const advantages = new Float32Array(tokens * count); // [tokens, K]
  const returns = new Float32Array(tokens * count); // [tokens, K]
  const tokenRewards = klInReward && padded(klInReward.k1, lengths, width).map((k1) => -klInReward.coefficient * k1);
  names.forEach((objective, k) => {
    const result = gaeAdvantages({
      objective,
      ...layout,
      gamma,
      lambda,
      values: padded(values, lengths, width, count, k),
      rewards: rewardsOf(input, at(scores, k)),
      ...(tokenRewards && { tokenRewards }),
    });
    const used = ppo.normalizeAdvantages ? whiten(objective, result.advantages, { layout }).values : result.advantages;
    unpad(used, lengths, width, advantages, count, k);
    unpad(result.returns, lengths, width, returns, count, k);
  });
  return { perToken: true, advantages, returns };
}
