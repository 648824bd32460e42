/**
 * PPO's clipped surrogate (Schulman et al. 2017, arXiv 1707.06347, equation 7), for one token and one objective. Training
 * ascends its sum over the batch's tokens, divided by their number.
 *
 *   J = min(r·A, clip(r, 1 − ε, 1 + ε)·A)    r = π / π_old, A the advantage, ε the clip range
 *   ∂J / ∂ln π = r·A, or 0 where the clip is active
 *
 * Whether the clip is active depends only on r and on the sign of A. So if A is one number per sequence, two backward
 * passes serve all objectives, one for each sign, and a single one suffices if no token is clipped.
 */

/** The bound on |ln r|: e²⁰ is far outside every clip range, and stays finite. */
export const logRatioLimit = 20;

/** The importance ratio r = π / π_old, with ln r clamped to ±logRatioLimit. */
export function importanceRatio(logprob: number, oldLogprob: number): number {
  return Math.exp(Math.min(Math.max(logprob - oldLogprob, -logRatioLimit), logRatioLimit));
}

/** The surrogate J. */
export function surrogate(ratio: number, advantage: number, clipRange: number): number {
  const held = Math.min(Math.max(ratio, 1 - clipRange), 1 + clipRange);
  return Math.min(ratio * advantage, held * advantage);
}

/** Whether the clip is active: the ratio has moved further than ε in the direction of the advantage. */
export function isClipped(ratio: number, advantage: number, clipRange: number): boolean {
  return advantage > 0 ? ratio > 1 + clipRange : advantage < 0 && ratio < 1 - clipRange;
}

/** ∂J / ∂ln π. */
export function surrogateSlope(ratio: number, advantage: number, clipRange: number): number {
  return isClipped(ratio, advantage, clipRange) ? 0 : ratio * advantage;
}
