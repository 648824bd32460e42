/**
 * The divergence of the policy from the reference: per-token estimates from log-probabilities of sampled tokens, and
 * the controllers of its coefficient β.
 */

import { at, NonFiniteError } from '@gapo/numeric';

/**
 * Estimators of KL(π ‖ π_ref) from one token drawn from π, with x = log π - log π_ref (J. Schulman, "Approximating KL
 * divergence", 2020):
 *
 * - `k1`: x. Unbiased, of either sign. Use it in the reward.
 * - `k2`: x²/2. Biased, never negative. As a loss its gradient is that of the KL divergence.
 * - `k3`: e^(-x) - 1 + x. Unbiased, never negative. Use it in reports. As a loss it has a different gradient.
 */
export type KlEstimator = 'k1' | 'k2' | 'k3';

const estimators: Readonly<Record<KlEstimator, (difference: number) => number>> = {
  k1: (x) => x,
  k2: (x) => (x * x) / 2,
  k3: (x) => Math.expm1(-x) + x,
};

/**
 * Estimates the divergence at each token.
 *
 * @param logprobs log π of the tokens, any shape, natural logarithm
 * @param reference log π_ref of the same tokens, same shape
 * @returns float64, same shape. Padding is not masked; mask by length afterwards
 * @throws RangeError when lengths differ
 * @throws NonFiniteError if an estimate is not finite: a log-probability of -Infinity or NaN, or a k3 beyond float64
 */
export function tokenKl(
  estimator: KlEstimator,
  logprobs: ArrayLike<number>,
  reference: ArrayLike<number>,
): Float64Array {
  if (!Object.hasOwn(estimators, estimator)) {
    throw new RangeError(`KL estimator is ${String(estimator)}, expected k1, k2 or k3`);
  }
  const estimate = estimators[estimator];
  if (logprobs.length !== reference.length) {
    throw new RangeError(
      `KL: ${logprobs.length} log-probabilities of the policy, ${reference.length} of the reference`,
    );
  }
  const estimates = new Float64Array(logprobs.length);
  for (let t = 0; t < estimates.length; t++) {
    const kl = estimate(at(logprobs, t) - at(reference, t));
    if (!Number.isFinite(kl)) {
      throw new NonFiniteError(
        'KL',
        estimator,
        t,
        kl,
        `the policy’s log-probability is ${logprobs[t]}, the reference’s ${reference[t]}`,
      );
    }
    estimates[t] = kl;
  }
  return estimates;
}

/** A constant coefficient. */
export interface FixedKl {
  readonly kind: 'fixed';
  /** β ≥ 0. */
  readonly coefficient: number;
}

/** A coefficient that is steered towards a divergence (Ziegler et al. 2019, arXiv 1909.08593, section 2.2). */
export interface AdaptiveKl {
  readonly kind: 'adaptive';
  /** β > 0, the current value. */
  readonly coefficient: number;
  /** The target divergence, in nats per completion, > 0. */
  readonly target: number;
  /** Completions over which an error of 20 % multiplies β by about e^0.2, > 0. */
  readonly horizon: number;
}

/** A controller is its state: plain data that checkpoints store as is. */
export type KlController = FixedKl | AdaptiveKl;

/** Relative errors are clipped to this, so that one outlier batch cannot throw β off. */
const largestError = 0.2;

/**
 * Checks a controller from a configuration or a checkpoint.
 *
 * @throws RangeError naming the field
 */
export function checkKlController(state: KlController): void {
  const fields =
    state.kind === 'fixed'
      ? { coefficient: state.coefficient }
      : { coefficient: state.coefficient, target: state.target, horizon: state.horizon };
  for (const [field, value] of Object.entries(fields)) {
    const zeroAllowed = state.kind === 'fixed';
    if (!Number.isFinite(value) || value < 0 || (value === 0 && !zeroAllowed)) {
      const expected = zeroAllowed ? 'at least 0' : 'above 0';
      throw new RangeError(`KL controller: ${field} is ${value}, expected a finite number ${expected}`);
    }
  }
}

/**
 * The controller after a batch: β ← β (1 + clip(KL/target - 1, ±0.2) · completions / horizon).
 *
 * @param divergence mean over completions of the summed token KL, in nats
 * @param completions how many the mean is over
 * @throws RangeError for a divergence that is not finite or a count that is not a whole number of at least 1
 */
export function updateKlController(state: KlController, divergence: number, completions: number): KlController {
  checkKlController(state);
  if (!Number.isFinite(divergence)) {
    throw new RangeError(`KL controller: the divergence is ${divergence}, expected a finite number`);
  }
  if (!Number.isInteger(completions) || completions < 1) {
    throw new RangeError(`KL controller: ${completions} completions, expected a whole number of at least 1`);
  }
  if (state.kind === 'fixed') return state;
  const error = Math.max(-largestError, Math.min(largestError, divergence / state.target - 1));
  const factor = 1 + (error * completions) / state.horizon;
  if (factor <= 0) {
    throw new RangeError(
      `KL controller: horizon ${state.horizon} is too short for batches of ${completions} completions; ` +
        `use more than ${largestError * completions}`,
    );
  }
  return { ...state, coefficient: state.coefficient * factor };
}
