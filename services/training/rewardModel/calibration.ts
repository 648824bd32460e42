/**
 * The quality of preference probabilities, from margins: score(chosen) − score(rejected), with P(chosen) = σ(margin).
 *
 * The answers of a pair have no order, so calibration takes the side of the answer that the model prefers: if it gives that
 * answer 80 %, the labels should agree on 80 % of such pairs.
 */
import { at, type Estimate, winRate } from '@gapo/numeric';

/** Pairs to whose preferred answer the model gives a probability in [low, high); the last bin includes 1. */
export interface ReliabilityBin {
  readonly low: number;
  readonly high: number;
  readonly pairs: number;
  /** Mean probability of the preferred answer; null without pairs. */
  readonly predicted: number | null;
  /** Share of the pairs whose label prefers the same answer, ties counting half; null without pairs. */
  readonly observed: number | null;
}

/** Metrics of a reward model on held-out pairs. */
export interface Quality {
  readonly pairs: number;
  /** Share of pairs whose chosen answer scores higher, ties counting half, with its 95 % Wilson interval. */
  readonly accuracy: Estimate;
  /** Mean −ln P(chosen), in nats; ln 2 = 0.693 for a model without information. */
  readonly logLoss: number;
  /** Expected calibration error (Guo et al. 2017, arXiv 1706.04599): mean |observed − predicted| over the bins, weighted by pairs. */
  readonly calibrationError: number;
  readonly bins: readonly ReliabilityBin[];
}

/** Bins from 0.5 to 1. */
const binCount = 10;

/** Returns the mean −ln σ(margin), in nats. Without overflow: −ln σ(m) = ln(1 + e^−|m|) + max(0, −m). */
export function logLoss(margins: ArrayLike<number>): number {
  let total = 0;
  for (let i = 0; i < margins.length; i++) {
    const margin = at(margins, i);
    total += Math.log1p(Math.exp(-Math.abs(margin))) + Math.max(0, -margin);
  }
  return total / margins.length;
}

/**
 * Computes the metrics from the margins of held-out pairs.
 *
 * @throws RangeError without margins; NonFiniteError if one is not finite
 */
export function qualityOf(margins: ArrayLike<number>): Quality {
  const accuracy = winRate(margins, new Float64Array(margins.length));
  const bins = Array.from({ length: binCount }, () => ({ pairs: 0, predicted: 0, observed: 0 }));
  for (let i = 0; i < margins.length; i++) {
    const margin = at(margins, i);
    const probability = 1 / (1 + Math.exp(-Math.abs(margin))); // of the preferred answer, in [0.5, 1]
    const bin = at(bins, Math.min(binCount - 1, Math.floor((2 * probability - 1) * binCount)));
    bin.pairs += 1;
    bin.predicted += probability;
    bin.observed += (1 + Math.sign(margin)) / 2;
  }
  const gaps = bins.reduce((sum, { predicted, observed }) => sum + Math.abs(observed - predicted), 0);
  return {
    pairs: margins.length,
    accuracy,
    logLoss: logLoss(margins),
    calibrationError: gaps / margins.length,
    bins: bins.map(({ pairs, predicted, observed }, bin) => ({
      low: (1 + bin / binCount) / 2,
      high: (1 + (bin + 1) / binCount) / 2,
      pairs,
      predicted: pairs === 0 ? null : predicted / pairs,
      observed: pairs === 0 ? null : observed / pairs,
    })),
  };
}
