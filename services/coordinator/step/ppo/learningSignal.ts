/** From rewards to the learning signal of PPO: advantages per objective or for all together, and targets for the critics. */
import type { RunConfig } from '@gapo/config';
import { at } from '@gapo/numeric';
import {
  centeredAdvantages,
  gaeAdvantages,
  groupNormalizedAdvantages,
  preferred,
  rlooAdvantages,
  scalarAdvantages,
  varianceAdaptive,
  whiten,
  whitenTogether,
  withoutConflicts,
  type GroupedRewards,
  type TokenLayout,
} from '@gapo/objectives';
import { groupsOf, padded, setColumn, sumsOf, unpad, type Batch } from '../../data/batch.js';
import type { LearningSignal } from '../updates/lossInputs.js';

/** Inputs of the learning signal of K objectives. */
export interface SignalInput {
  /** The objectives' names. */
  readonly names: readonly string[];
  readonly batch: Batch;
  /** K arrays with one finite reward per completion, before clamps and penalties. */
  readonly rewards: readonly Float64Array[];
  readonly ppo: RunConfig['ppo'];
  /** β and the k1 estimate of each token, if KL is part of the reward. */
  readonly klInReward: { readonly coefficient: number; readonly k1: Float64Array } | undefined;
  /** The critics' values, [tokens, K]; undefined without critics. */
  readonly values: Float32Array | undefined;
  /** For a method that trains on one advantage: what is summed, and whether weighted advantages are whitened. */
  readonly scalar?: { readonly over: 'rewards' | 'advantages'; readonly whiten: boolean } | undefined;
  /** λ of each completion, if the policy is conditioned on the preference. */
  readonly preferences?: readonly (readonly number[])[] | undefined;
}

/** The advantages of each objective before stages and normalisation. */
export interface AdvantageColumns {
  /** K arrays: one number per completion, or per token in rows of `layout`. */
  readonly columns: readonly Float64Array[];
  /** K arrays with the reward of each completion after clamps, penalties and KL; without KL if GAE is used. */
  readonly rewards: readonly Float64Array[];
  /** Present if every token has its own advantages. */
  readonly layout: TokenLayout | undefined;
  /** The critics' targets, [tokens, K]; undefined without critics. */
  readonly returns: Float32Array | undefined;
}

/**
 * Estimates the advantages of each objective. Its reward is reduced by the penalty for truncated completions and, if KL is part
 * of the reward, by β·KL: per completion without critics, per token with GAE.
 *
 * @throws RangeError for a prompt with a single completion, without critics
 */
export function advantageColumns(input: SignalInput): AdvantageColumns {
  return input.ppo.advantages === 'gae' ? tokenColumns(input) : completionColumns(input);
}

/** Returns the advantage of each completion from a weighted sum of the objectives; with GAE, the mean over its tokens. */
export function signalOf({ columns, layout }: AdvantageColumns, weights: ArrayLike<number>): Float64Array {
  const rows = at(columns, 0).map((_, row) => columns.reduce((sum, of, k) => sum + at(weights, k) * at(of, row), 0));
  if (layout === undefined) return rows;
  const { width, lengths } = layout;
  return Float64Array.from(lengths, (length, i) => {
    const own = rows.subarray(i * width, i * width + length);
    return length === 0 ? 0 : own.reduce((sum, value) => sum + value, 0) / length;
  });
}

/**
 * Computes the learning signal of a batch: stages, then whitening of each objective's advantages over the batch, then the weights
 * of each completion's own preference. A method that trains on one advantage has that one as well, and the others are in its
 * units.
 *
 * @param weights w, length K, for stages and methods that sum objectives
 */
export function learningSignal(
  input: SignalInput,
  weights: ArrayLike<number> = input.names.map(() => 1 / input.names.length),
  estimated = advantageColumns(input),
): LearningSignal {
  const { names, batch, ppo, preferences, scalar } = input;
  const { layout, returns } = estimated;
  const groups = groupsOf(batch);
  let { columns } = estimated;
  if (ppo.dvao) columns = varianceAdaptive({ columns, weights, groups }, estimated.rewards);
  if (!scalar) columns = normalized(names, columns, ppo.normalizeAdvantages, layout);
  if (preferences) columns = preferred(columns, preferences, layout?.width);
  const filtered = ppo.gd2po && withoutConflicts({ columns, weights, groups }, ppo.gd2po.threshold);
  columns = filtered?.columns ?? columns;
  const one =
    scalar &&
    scalarAdvantages({
      columns,
      weights,
      whiten: scalar.over === 'advantages' ? scalar.whiten : ppo.normalizeAdvantages !== false,
      ...(isNormalizedSum(input) && { normalizeWithin: { groups, deviation: deviationOf(ppo) } }),
      ...(layout && { layout }),
      ...(filtered && { kept: filtered.kept }),
    });
  const flat = flatColumns(one?.columns ?? columns, batch, layout);
  return {
    perToken: layout !== undefined,
    advantages: flat,
    returns,
    ...(one && { scalar: flatColumns([one.scalar], batch, layout) }),
  };
}

/** Whether the weighted sum of rewards is normalised within each prompt, as GRPO does with its single reward. */
function isNormalizedSum({ ppo, scalar }: SignalInput): boolean {
  return scalar?.over === 'rewards' && ppo.advantages === 'group';
}

function deviationOf({ groupDeviation }: RunConfig['ppo']): 'population' | 'sample' {
  return groupDeviation ?? 'population';
}

function normalized(
  names: readonly string[],
  columns: readonly Float64Array[],
  how: RunConfig['ppo']['normalizeAdvantages'],
  layout: TokenLayout | undefined,
): readonly Float64Array[] {
  if (how === 'common') return whitenTogether(names, columns, layout);
  return how ? columns.map((column, k) => whiten(at(names, k), column, layout && { layout }).values) : columns;
}

/** Returns columns in the layout of the loss: [rows, columns] without padding. */
function flatColumns(
  columns: readonly Float64Array[],
  { lengths, tokens }: Batch,
  layout: TokenLayout | undefined,
): Float64Array {
  const count = columns.length;
  if (layout === undefined) {
    const flat = new Float64Array(at(columns, 0).length * count); // [completions, count]
    columns.forEach((column, k) => setColumn(flat, count, k, column));
    return flat;
  }
  const flat = new Float64Array(tokens * count); // [tokens, count]
  columns.forEach((column, k) => unpad(column, lengths, layout.width, flat, count, k));
  return flat;
}

/** Returns an objective's reward of each completion without KL: clamped, minus the penalty. */
function penalized({ batch, ppo }: SignalInput, rewards: Float64Array): Float64Array {
  const [low, high] = ppo.rewardClamp ?? [-Infinity, Infinity];
  return rewards.map((reward, i) => {
    const clamped = Math.min(high, Math.max(low, reward));
    return at(batch.samples, i).finished ? clamped : clamped - ppo.missingEosPenalty;
  });
}

function completionColumns(input: SignalInput): AdvantageColumns {
  const { names, batch, ppo, klInReward } = input;
  const groups = groupsOf(batch);
  const penalties = klInReward && sumsOf(klInReward.k1, batch.lengths).map((kl) => klInReward.coefficient * kl);
  const advantagesOf = (given: GroupedRewards): Float64Array => {
    if (ppo.advantages !== 'group') return rlooAdvantages(given);
    return isNormalizedSum(input)
      ? centeredAdvantages(given)
      : groupNormalizedAdvantages(given, { deviation: deviationOf(ppo) });
  };
  const rewards = input.rewards.map((given) => {
    const own = penalized(input, given);
    return penalties ? own.map((reward, i) => reward - at(penalties, i)) : own;
  });
  const columns = names.map((objective, k) => advantagesOf({ objective, rewards: at(rewards, k), groups }));
  return { columns, rewards, layout: undefined, returns: undefined };
}

function tokenColumns(input: SignalInput): AdvantageColumns {
  const { names, batch, ppo, klInReward, values } = input;
  const { lengths, tokens } = batch;
  if (ppo.gae === undefined || values === undefined)
    throw new RangeError('GAE needs ppo.gae and the values of the critics');
  const { gamma, lambda } = ppo.gae;
  const width = Math.max(...lengths);
  const layout = { width, lengths };
  const count = names.length;
  const returns = new Float32Array(tokens * count); // [tokens, K]
  const tokenRewards = klInReward && padded(klInReward.k1, lengths, width).map((k1) => -klInReward.coefficient * k1);
  const rewards = input.rewards.map((given) => penalized(input, given));
  const columns = names.map((objective, k) => {
    const result = gaeAdvantages({
      objective,
      ...layout,
      gamma,
      lambda,
      values: padded(values, lengths, width, count, k),
      rewards: at(rewards, k),
      ...(tokenRewards && { tokenRewards }),
    });
    unpad(result.returns, lengths, width, returns, count, k);
    return result.advantages;
  });
  return { columns, rewards, layout, returns };
}
