/** How each objective's reward correlates with the signal that a step trains on. */

import { at } from '@gapo/numeric';
import { rowsOfGroups } from './groups.js';

/**
 * The correlation of a reward with a training signal over the completions of a prompt, averaged over prompts (Lu and Jiang
 * 2026, arXiv 2602.06869): to first order, training on the signal improves the reward if this is above 0. Prompts in which
 * either does not vary are omitted.
 *
 * @param rewards [N]
 * @param signal one number for each completion, [N]
 * @param groups for each completion, which prompt it answers, [N]
 * @returns in [-1, 1]; 0 if no prompt counts
 */
export function signalCorrelation(
  rewards: ArrayLike<number>,
  signal: ArrayLike<number>,
  groups: ArrayLike<number>,
): number {
  let [sum, count] = [0, 0];
  for (const rows of rowsOfGroups(groups).values()) {
    const meanOf = (values: ArrayLike<number>): number =>
      rows.reduce((total, row) => total + at(values, row), 0) / rows.length;
    const [meanReward, meanSignal] = [meanOf(rewards), meanOf(signal)];
    let [cross, ofReward, ofSignal] = [0, 0, 0];
    for (const row of rows) {
      const [x, y] = [at(rewards, row) - meanReward, at(signal, row) - meanSignal];
      cross += x * y;
      ofReward += x * x;
      ofSignal += y * y;
    }
    const size = Math.sqrt(ofReward) * Math.sqrt(ofSignal);
    if (!(size > smallest * rows.length)) continue;
    sum += Math.max(-1, Math.min(1, cross / size));
    count++;
  }
  return count === 0 ? 0 : sum / count;
}

/** A product of two standard deviations of at most this size is zero up to rounding. */
const smallest = 1e-8;
