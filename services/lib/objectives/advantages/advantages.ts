/**
 * Advantages of one objective: critic-free baselines (leave-one-out, group-normalised), generalised advantage estimation
 * (GAE), and whitening. Each is called once per objective; scalar.ts sums the advantages of different objectives.
 */

import { assertFinite, at } from '@gapo/numeric';
import { rowsOfGroups } from './groups.js';
import { checkLayout, type TokenLayout } from './tokens.js';

/** Rewards of one objective for a batch of completions. */
export interface GroupedRewards {
  /** Name of the objective, for messages. */
  readonly objective: string;
  /** One reward for each completion, length N. */
  readonly rewards: ArrayLike<number>;
  /** For each completion, which prompt it answers: any integers, length N. Completions need not be sorted by prompt. */
  readonly groups: ArrayLike<number>;
}

/**
 * RLOO (Ahmadian et al. 2024, arXiv 2402.14740): A_i = R_i - mean of the other rewards of the same prompt. The
 * advantages of a prompt sum to zero.
 *
 * @returns one advantage for each completion, length N
 * @throws RangeError for a prompt with a single completion, which has no others to compare with
 * @throws NonFiniteError naming the objective for a reward that is not finite
 *
 * @example
 * Two completions for each of two prompts:
 *
 * ```ts
 * import { rlooAdvantages } from '@gapo/objectives';
 *
 * const advantages = rlooAdvantages({ objective: 'helpful', rewards: [1, 3, 0, 0.5], groups: [0, 0, 1, 1] });
 * console.log([...advantages]); // [ -2, 2, -0.5, 0.5 ]
 * ```
 */
export function rlooAdvantages(input: GroupedRewards): Float64Array {
  const { objective, rewards } = input;
  const advantages = new Float64Array(rewards.length);
  for (const [group, list] of membersOfGroups(input)) {
    const count = list.length;
    checkGroupSize(objective, group, count, 'RLOO');
    // R_i - (S - R_i)/(n - 1) = (R_i - mean)·n/(n - 1); the second form loses no digits to a large common offset.
    const mean = meanOf(rewards, list);
    for (const i of list) advantages[i] = ((at(rewards, i) - mean) * count) / (count - 1);
  }
  return advantages;
}

/**
 * Group-normalised advantages (GRPO; Shao et al. 2024, arXiv 2402.03300, section 4.1): A_i = (R_i - mean) / std over the
 * completions of the same prompt, with a divisor of at least `floor`. The standard deviation of n completions is the
 * population's, Σ(R - mean)² / n, or the sample's, Σ(R - mean)² / (n - 1), as in PyTorch's `std` and therefore TRL. A
 * prompt whose completions are all equally good gives advantages of 0. Unlike RLOO's, these weigh a prompt with a
 * small spread of rewards as much as one with a large spread.
 *
 * @param options.deviation which standard deviation. @default 'population'
 * @param options.floor smallest divisor, > 0, in units of the reward. @default 1e-4
 * @returns one advantage for each completion, length N; those of a prompt sum to zero
 * @throws RangeError for a prompt with a single completion, an unusable floor, or lengths that differ
 * @throws NonFiniteError naming the objective for a reward that is not finite
 */
export function groupNormalizedAdvantages(
  input: GroupedRewards,
  options: { readonly floor?: number; readonly deviation?: 'population' | 'sample' } = {},
): Float64Array {
  const { objective, rewards } = input;
  const { floor = groupStdFloor, deviation = 'population' } = options;
  checkFloor(objective, floor);
  const advantages = new Float64Array(rewards.length);
  for (const [group, list] of membersOfGroups(input)) {
    checkGroupSize(objective, group, list.length, 'a group-normalised advantage');
    const mean = meanOf(rewards, list);
    const squares = list.reduce((sum, i) => sum + (at(rewards, i) - mean) ** 2, 0);
    const std = Math.sqrt(squares / (deviation === 'sample' ? list.length - 1 : list.length));
    if (!Number.isFinite(std)) {
      throw new RangeError(`${objective}: the variance of the rewards of prompt ${group} overflows; scale them down`);
    }
    for (const i of list) advantages[i] = (at(rewards, i) - mean) / Math.max(std, floor);
  }
  return advantages;
}

/**
 * Centred rewards: A_i = R_i - mean over the completions of the same prompt, that is, group-normalised advantages before
 * the division (Liu et al. 2025, "Dr. GRPO", arXiv 2503.20783).
 *
 * @returns one advantage for each completion, length N; those of a prompt sum to zero
 * @throws RangeError, NonFiniteError as {@link groupNormalizedAdvantages}
 */
export function centeredAdvantages(input: GroupedRewards): Float64Array {
  const { objective, rewards } = input;
  const advantages = new Float64Array(rewards.length);
  for (const [group, list] of membersOfGroups(input)) {
    checkGroupSize(objective, group, list.length, 'a centred reward');
    const mean = meanOf(rewards, list);
    for (const i of list) advantages[i] = at(rewards, i) - mean;
  }
  return advantages;
}

/**
 * Returns the mean reward of a prompt's completions. The mean of equal rewards is exactly that reward: its rounding error
 * would be an advantage, which methods that normalise gradients make as long as any other.
 */
function meanOf(rewards: ArrayLike<number>, list: readonly number[]): number {
  const first = at(rewards, at(list, 0));
  if (list.every((i) => at(rewards, i) === first)) return first;
  return list.reduce((sum, i) => sum + at(rewards, i), 0) / list.length;
}

/** The default floor under the standard deviation of a prompt's rewards. */
export const groupStdFloor = 1e-4;

/**
 * The completions of each prompt, by their indices, in the order in which prompts first appear.
 *
 * @throws RangeError if lengths differ, NonFiniteError for a reward that is not finite
 */
function membersOfGroups({ objective, rewards, groups }: GroupedRewards): Map<number, number[]> {
  if (rewards.length !== groups.length) {
    throw new RangeError(`${objective}: ${rewards.length} rewards but ${groups.length} group indices`);
  }
  assertFinite(rewards, objective, 'reward', 'apply the objective’s failure policy before computing advantages');
  return rowsOfGroups(groups);
}

function checkGroupSize(objective: string, group: number, count: number, what: string): void {
  if (count > 1) return;
  throw new RangeError(
    `${objective}: prompt ${group} has one completion, ${what} needs at least two; ` +
      'draw more samples for each prompt, leave this prompt out, or use GAE with a critic',
  );
}

/** The inputs of GAE for one objective. */
export interface GaeInput extends TokenLayout {
  /** Name of the objective, for messages. */
  readonly objective: string;
  /** The critic's V(s_t) before token t is chosen, [N, width]. */
  readonly values: ArrayLike<number>;
  /** The completion's reward, received at its last real token, length N. */
  readonly rewards: ArrayLike<number>;
  /** Rewards received token by token, such as -β·KL, [N, width]. @default none */
  readonly tokenRewards?: ArrayLike<number>;
  /** Discount γ in [0, 1]. @default 1 */
  readonly gamma?: number;
  /** Bias-variance trade-off λ in [0, 1]. @default 0.95 */
  readonly lambda?: number;
}

/** Advantages, and the targets for the critic. */
export interface GaeResult {
  /** [N, width], 0 from each length on. */
  readonly advantages: Float64Array;
  /** A_t + V(s_t), [N, width], 0 from each length on. */
  readonly returns: Float64Array;
}

/**
 * GAE (Schulman et al. 2015, arXiv 1506.02438): δ_t = r_t + γ V(s_{t+1}) - V(s_t), A_t = Σ_k (γλ)^k δ_{t+k}. The state
 * after the last real token is terminal: its value is 0 and nothing is bootstrapped, whether the completion ended with EOS
 * or was truncated. An empty completion has no token to carry its reward and yields nothing.
 *
 * @throws RangeError when shapes do not fit or γ or λ is outside [0, 1]
 * @throws NonFiniteError naming the objective for a value or reward within a length that is not finite
 */
export function gaeAdvantages(input: GaeInput): GaeResult {
  const { objective, values, rewards, tokenRewards, width, lengths, gamma = 1, lambda = 0.95 } = input;
  checkLayout(`${objective}: values`, values, input);
  if (tokenRewards) checkLayout(`${objective}: token rewards`, tokenRewards, input);
  if (rewards.length !== lengths.length) {
    throw new RangeError(`${objective}: ${rewards.length} rewards for ${lengths.length} completions`);
  }
  checkFraction(objective, 'gamma', gamma);
  checkFraction(objective, 'lambda', lambda);
  assertFinite(rewards, objective, 'reward', 'apply the objective’s failure policy before computing advantages');

  const advantages = new Float64Array(values.length);
  const returns = new Float64Array(values.length);
  for (let row = 0; row < lengths.length; row++) {
    const first = row * width;
    const last = first + at(lengths, row) - 1;
    let [advantage, nextValue] = [0, 0];
    for (let t = last; t >= first; t--) {
      const value = at(values, t);
      const reward = (tokenRewards?.[t] ?? 0) + (t === last ? at(rewards, row) : 0);
      advantage = reward + gamma * nextValue - value + gamma * lambda * advantage;
      advantages[t] = advantage;
      returns[t] = advantage + value;
      nextValue = value;
    }
  }
  // A non-finite value propagates to all earlier tokens, so checking the result is sufficient.
  assertFinite(advantages, objective, 'advantage', 'check the critic’s values and the token rewards');
  return { advantages, returns };
}

/** Whitened values, with the mean and deviation that were removed. */
export interface Whitened {
  /** (A - mean) / max(std, floor), same shape; 0 from each length on. */
  readonly values: Float64Array;
  /** Mean over the whole batch. */
  readonly mean: number;
  /** Population standard deviation over the whole batch, before the floor. */
  readonly std: number;
}

/** The default floor under the standard deviation. */
export const stdFloor = 1e-8;

/**
 * Whitens one objective's advantages over the whole batch in float64. The standard deviation is never taken below `floor`:
 * a batch in which an objective does not distinguish its completions gives advantages of (nearly) 0 instead of noise
 * amplified to size 1.
 *
 * Pass the whole batch at once rather than shard by shard: the mean and deviation must be the same for all.
 *
 * @param advantages [N] or, with a layout, [N, width]
 * @param options.layout for per-token advantages: what counts of each row
 * @param options.floor smallest divisor, > 0. @default 1e-8
 * @throws NonFiniteError naming the objective for an advantage within a length that is not finite
 */
export function whiten(
  objective: string,
  advantages: ArrayLike<number>,
  options: { readonly layout?: TokenLayout; readonly floor?: number } = {},
): Whitened {
  const floor = options.floor ?? stdFloor;
  checkFloor(objective, floor);
  const layout = options.layout ?? { width: advantages.length, lengths: [advantages.length] };
  checkLayout(`${objective}: advantages`, advantages, layout);
  const real: number[] = [];
  for (let row = 0; row < layout.lengths.length; row++) {
    for (let t = 0; t < at(layout.lengths, row); t++) real.push(row * layout.width + t);
  }
  const values = new Float64Array(advantages.length);
  if (real.length === 0) return { values, mean: 0, std: 0 };

  const mean = real.reduce((sum, k) => sum + at(advantages, k), 0) / real.length;
  const squares = real.reduce((sum, k) => sum + (at(advantages, k) - mean) ** 2, 0);
  const std = Math.sqrt(squares / real.length);
  for (const k of real) values[k] = (at(advantages, k) - mean) / Math.max(std, floor);
  if (!Number.isFinite(std)) {
    assertFinite(
      real.map((k) => at(advantages, k)),
      objective,
      'advantage',
      'check rewards and values',
    );
    throw new RangeError(`${objective}: the variance of the advantages overflows; scale the rewards down`);
  }
  return { values, mean, std };
}

function checkFloor(objective: string, floor: number): void {
  if (!(floor > 0 && Number.isFinite(floor))) {
    throw new RangeError(`${objective}: std floor is ${floor}, expected a finite number above 0`);
  }
}

function checkFraction(objective: string, what: string, value: number): void {
  if (!(value >= 0 && value <= 1)) {
    throw new RangeError(`${objective}: ${what} is ${value}, expected a number from 0 to 1`);
  }
}
