/**
 * Importance weights of tokens and completions sampled by another policy. With μ the policy that sampled and π the one being trained:
 *
 *   token       w_t = π(y_t | x, y_<t) / μ(y_t | x, y_<t)
 *   completion  w   = π(y | x) / μ(y | x) = Π_t w_t
 *
 * Logarithms of weights are clamped to ±{@link logRatioLimit}.
 */
import { at } from '@gapo/numeric';
import { importanceRatio } from './surrogate.js';

/**
 * Kong's effective sample size of tokens (Kong 1992, "A note on importance sampling using standardized weights") as a share of their
 * number N: (Σ w_t)² / (N Σ w_t²). It is 1 if all weights are equal, and 1/N if one outweighs all others.
 *
 * @param logprobs ln π of every token, [tokens]
 * @param behaviour ln μ of every token, [tokens]
 * @throws RangeError if there are no tokens, or the lengths differ
 */
export function effectiveSampleSize(logprobs: ArrayLike<number>, behaviour: ArrayLike<number>): number {
  checkTokens(logprobs, behaviour);
  let [sum, squares] = [0, 0];
  for (let t = 0; t < logprobs.length; t++) {
    const weight = importanceRatio(at(logprobs, t), at(behaviour, t));
    sum += weight;
    squares += weight * weight;
  }
  return (sum * sum) / (logprobs.length * squares);
}

/**
 * Truncated importance weights of completions: min(w, cap) (Ionides 2008, "Truncated importance sampling").
 *
 * @param logprobs ln π of every token, [tokens]
 * @param behaviour ln μ of every token, [tokens]
 * @param lengths tokens of each completion, which sum to the number of tokens, [completions]
 * @param cap at least 1
 * @returns [completions]
 * @throws RangeError if there are no tokens, or the lengths differ
 */
export function truncatedWeights(
  logprobs: ArrayLike<number>,
  behaviour: ArrayLike<number>,
  lengths: ArrayLike<number>,
  cap: number,
): Float64Array {
  checkTokens(logprobs, behaviour);
  const weights = new Float64Array(lengths.length);
  let token = 0;
  for (let i = 0; i < lengths.length; i++) {
    let logWeight = 0;
    for (let t = 0; t < at(lengths, i); t++, token++) logWeight += at(logprobs, token) - at(behaviour, token);
    weights[i] = Math.min(importanceRatio(logWeight, 0), cap);
  }
  if (token !== logprobs.length) throw new RangeError(`completions have ${token} tokens, expected ${logprobs.length}`);
  return weights;
}

function checkTokens({ length }: ArrayLike<number>, behaviour: ArrayLike<number>): void {
  if (length !== behaviour.length) {
    throw new RangeError(`${length} log-probabilities of the policy, ${behaviour.length} of the one that sampled`);
  }
  if (length === 0) throw new RangeError('there are no tokens to weigh');
}
