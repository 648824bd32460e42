/**
 * How good probabilities of preferences are, from margins: score(chosen) − score(rejected), of which P(chosen) = σ(margin)
 * is the model's probability.
 *
 * A pair has no first and second answer, so that probabilities are looked at from the side of the answer that the model
 * prefers: of pairs on which it gives that one 80 %, the labels should agree on 80 %.
 */
import { type Estimate, winRate } from '@gapo/numeric';

/** Pairs on whose preferred answer the model puts a probability in [low, high), the last bin's end included. */
export interface ReliabilityBin {
  readonly low: number;
  readonly high: number;
  readonly pairs: number;
  /** Mean probability of the preferred answer; null without pairs. */
  readonly predicted: number | null;
  /** Share of the pairs whose label prefers the same answer, ties counting half; null without pairs. */
  readonly observed: number | null;
}

/** What held-out pairs say of a fit. */
export interface Quality {
  readonly pairs: number;
  /** Share of pairs whose chosen answer scores higher, ties counting half, with its 95 % Wilson interval. */
  readonly accuracy: Estimate;
  /** Mean −ln P(chosen), in nats; ln 2 = 0.693 for a model that knows nothing. */
  readonly logLoss: number;
  /** Expected calibration error (Guo et al. 2017, arXiv 1706.04599): mean |observed − predicted| over the bins, by their pairs. */
  readonly calibrationError: number;
  readonly bins: readonly ReliabilityBin[];
}

/** Bins from 0.5 to 1. */
const binCount = 10;

/** Mean −ln σ(margin), in nats. Without overflow: −ln σ(m) = ln(1 + e^−|m|) + max(0, −m). */
export function logLoss(margins: ArrayLike<number>): number {
  let total = 0;
  for (let i = 0; i < margins.length; i++) {
    const margin = margins[i] as number;
    total += Math.log1p(Math.exp(-Math.abs(margin))) + Math.max(0, -margin);
  }
  return total / margins.length;
}

/**
 * The quality that margins of held-out pairs show.
 *
 * @throws RangeError for no margins, NonFiniteError for one that is not finite
 */
export function qualityOf(margins: ArrayLike<number>): Quality {
  const accuracy = winRate(margins, new Float64Array(margins.length));
  const bins = Array.from({ length: binCount }, () => ({ pairs: 0, predicted: 0, observed: 0 }));
  for (let i = 0; i < margins.length; i++) {
    const margin = margins[i] as number;
    const probability = 1 / (1 + Math.exp(-Math.abs(margin))); // of the preferred answer, in [0.5, 1]
    const bin = bins[Math.min(binCount - 1, Math.floor((2 * probability - 1) * binCount))]!;
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
