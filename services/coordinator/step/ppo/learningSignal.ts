/** From rewards to what the surrogate is built of: advantages of each objective, and targets for the critics. */
import type { RunConfig } from '@gapo/config';
import { gaeAdvantages, groupNormalizedAdvantages, rlooAdvantages, whiten } from '@gapo/objectives';
import { padded, sumsOf, unpad, type Batch } from '../../data/batch.js';

/** What the signal is made from; K objectives. */
export interface SignalInput {
  /** The objectives' names. */
  readonly names: readonly string[];
  readonly batch: Batch;
  /** K arrays with one score for each completion, all finite. */
  readonly scores: readonly Float64Array[];
  readonly ppo: RunConfig['ppo'];
  /** β and k1 of each token, where KL is part of the reward. */
  readonly klInReward: { readonly coefficient: number; readonly k1: Float64Array } | undefined;
  /** The critics' values, [tokens, K]; undefined without critics. */
  readonly values: Float32Array | undefined;
}

/** What the surrogate is built of. */
export interface LearningSignal {
  /** Whether advantages differ from token to token. */
  readonly perToken: boolean;
  /** [K, tokens] where perToken, else [K, completions]. */
  readonly advantages: Float32Array;
  /** The critics' targets, [tokens, K]; undefined without critics. */
  readonly returns: Float32Array | undefined;
}

/**
 * The signal of a batch. The penalty of completions that were cut is taken from every objective's reward, and so is
 * β·KL where it is part of the reward: summed over the completion without critics, token by token with GAE. Advantages of
 * each objective are whitened over the whole batch, never added up.
 *
 * @throws RangeError for a prompt with a single completion, where there are no critics
 */
export function learningSignal(input: SignalInput): LearningSignal {
  return input.ppo.advantages === 'gae' ? tokenSignal(input) : sequenceSignal(input);
}

/** An objective's reward of each completion, without KL: held within its bounds first, then less the penalty. */
function rewardsOf({ batch, ppo }: SignalInput, scores: Float64Array): Float64Array {
  const [low, high] = ppo.rewardClamp ?? [-Infinity, Infinity];
  return scores.map((score, i) => {
    const held = Math.min(high, Math.max(low, score));
    return batch.samples[i]!.finished ? held : held - ppo.missingEosPenalty;
  });
}

function sequenceSignal(input: SignalInput): LearningSignal {
  const { names, batch, scores, ppo, klInReward } = input;
  const count = batch.samples.length;
  const advantages = new Float32Array(names.length * count);
  const groups = batch.samples.map(({ prompt }) => prompt);
  const penalties = klInReward && sumsOf(klInReward.k1, batch.lengths);
  names.forEach((objective, k) => {
    const rewards = rewardsOf(input, scores[k]!);
    if (klInReward && penalties) penalties.forEach((kl, i) => (rewards[i]! -= klInReward.coefficient * kl));
    const raw =
      ppo.advantages === 'group'
        ? groupNormalizedAdvantages({ objective, rewards, groups })
        : rlooAdvantages({ objective, rewards, groups });
    advantages.set(ppo.normalizeAdvantages ? whiten(objective, raw).values : raw, k * count);
  });
  return { perToken: false, advantages, returns: undefined };
}

function tokenSignal(input: SignalInput): LearningSignal {
  const { names, batch, scores, ppo, klInReward, values } = input;
  const { lengths, tokens } = batch;
  if (ppo.gae === undefined || values === undefined) throw new RangeError('GAE needs its options and the values');
  const { gamma, lambda } = ppo.gae;
  const width = Math.max(...lengths);
  const layout = { width, lengths };
  const count = names.length;
  const advantages = new Float32Array(count * tokens);
  const returns = new Float32Array(tokens * count);
  const tokenRewards = klInReward && padded(klInReward.k1, lengths, width).map((k1) => -klInReward.coefficient * k1);
  names.forEach((objective, k) => {
    const result = gaeAdvantages({
      objective,
      ...layout,
      gamma,
      lambda,
      values: padded(values, lengths, width, count, k),
      rewards: rewardsOf(input, scores[k]!),
      ...(tokenRewards && { tokenRewards }),
    });
    const shown = ppo.normalizeAdvantages ? whiten(objective, result.advantages, { layout }).values : result.advantages;
    unpad(shown, lengths, width, advantages.subarray(k * tokens, (k + 1) * tokens));
    unpad(result.returns, lengths, width, returns, count, k);
  });
  return { perToken: true, advantages, returns };
}

/**
 * Mean over the batch's tokens of each objective's advantages with negative ones taken as 0.
 *
 * @param count objectives
 */
export function noonAdvantages({ perToken, advantages }: LearningSignal, count: number, batch: Batch): number[] {
  const width = advantages.length / count;
  return Array.from({ length: count }, (_, k) => {
    let sum = 0;
    for (let i = 0; i < width; i++) sum += Math.max(0, advantages[k * width + i]!) * (perToken ? 1 : batch.lengths[i]!);
    return sum / batch.tokens;
  });
}
