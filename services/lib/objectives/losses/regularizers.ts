/**
 * The losses that are not an objective's: divergence from the reference, entropy, and the critics' error. Their gradients
 * form the regularizer's gradient, which is added to the combined direction. Training descends the divergence and the
 * critics' error and ascends the entropy, each weighted by its coefficient, summed over the batch's tokens and divided by
 * their number.
 */

/**
 * The divergence of one token: L = ½·x² with x = ln π − ln π_ref, the k2 estimator (Schulman, "Approximating KL
 * divergence", 2020). Its expected gradient under π is that of KL(π ‖ π_ref).
 */
export function klLoss(logprob: number, reference: number): number {
  const difference = logprob - reference;
  return (difference * difference) / 2;
}

/** ∂L / ∂ln π = x. */
export function klSlope(logprob: number, reference: number): number {
  return logprob - reference;
}

/** The entropy of one next-token distribution: H = −Σ p·ln p in nats, p = softmax(logits). */
export function entropy(logits: Float64Array): number {
  return -logSoftmax(logits).reduce((sum, logp) => sum + Math.exp(logp) * logp, 0);
}

/** ∂H / ∂logits = −p·(ln p + H). */
export function entropySlope(logits: Float64Array): Float64Array {
  const all = entropy(logits);
  return logSoftmax(logits).map((logp) => -Math.exp(logp) * (logp + all));
}

function logSoftmax(logits: Float64Array): Float64Array {
  const largest = Math.max(...logits);
  const total = Math.log(logits.reduce((sum, x) => sum + Math.exp(x - largest), 0));
  return logits.map((x) => x - largest - total);
}

/** What a critic's value of one token is compared to. */
export interface ValueTarget {
  /** The return R. */
  readonly target: number;
  /** The value when the batch was sampled. */
  readonly oldValue: number;
  /** The clip range c; 0 leaves the value free. */
  readonly clip: number;
}

/**
 * The critic's error at one token: L = max(½(V − R)², ½(V′ − R)²), where V′ is V clamped to ±c around the old value: the
 * clipped value loss of OpenAI's PPO (see Engstrom et al. 2020, arXiv 2005.12729, section 3).
 */
export function valueLoss(value: number, { target, oldValue, clip }: ValueTarget): number {
  // A value within the bounds is kept to the last bit: old + (value − old) may be a different number with a larger error.
  const held = clip > 0 ? Math.max(Math.min(value, oldValue + clip), oldValue - clip) : value;
  return Math.max((value - target) ** 2, (held - target) ** 2) / 2;
}

/** ∂L / ∂V = V − R, or 0 where the clamped value has the larger error. */
export function valueSlope(value: number, given: ValueTarget): number {
  const error = value - given.target;
  return (error * error) / 2 >= valueLoss(value, given) ? error : 0;
}
