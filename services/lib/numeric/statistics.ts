/** Means and their uncertainty: what a table of results may claim. All intervals are 95 % intervals. */

import { at, f64 } from './at.js';
import { assertFinite } from './errors.js';
import { deriveSeed, fillResample } from './random.js';

/** A number with its 95 % interval. */
export interface Estimate {
  readonly value: number;
  readonly low: number;
  readonly high: number;
}

/** How a bootstrap is drawn. */
export interface BootstrapOptions {
  /** Integer in [0, 2⁵³): the same seed gives the same interval. */
  readonly seed: number;
  /** Resamples. @default 10000 */
  readonly resamples?: number;
}

const defaultResamples = 10_000;

/** The 0.975 quantile of the standard normal distribution. */
const z95 = 1.959963984540054;

/**
 * Arithmetic mean, summed in float64 in order.
 *
 * @throws RangeError for no values, NonFiniteError for one that is not finite
 */
export function mean(values: ArrayLike<number>): number {
  if (values.length === 0) throw new RangeError('mean of no values: give at least one');
  assertFinite(values, 'mean', 'value', 'remove it deliberately, or find out where it comes from');
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += at(values, i);
  return sum / values.length;
}

/**
 * Median: the middle value, or the mean of the middle two.
 *
 * @throws RangeError for no values, NonFiniteError for one that is not finite
 */
export function median(values: ArrayLike<number>): number {
  if (values.length === 0) throw new RangeError('median of no values: give at least one');
  assertFinite(values, 'median', 'value', 'remove it deliberately, or find out where it comes from');
  const sorted = Float64Array.from(values).sort();
  return (at(sorted, (sorted.length - 1) >> 1) + at(sorted, sorted.length >> 1)) / 2;
}

/**
 * Standard deviation, by the two-pass formula.
 *
 * @param kind `sample` divides by n - 1 and needs two values, `population` divides by n. @default 'sample'
 * @throws RangeError without values, and for the sample deviation of one value
 */
export function standardDeviation(values: ArrayLike<number>, kind: 'sample' | 'population' = 'sample'): number {
  const center = mean(values);
  const divisor = kind === 'sample' ? values.length - 1 : values.length;
  if (divisor === 0) throw new RangeError('sample standard deviation of one value: give at least two');
  let squares = 0;
  for (let i = 0; i < values.length; i++) squares += (at(values, i) - center) ** 2;
  return Math.sqrt(squares / divisor);
}

/**
 * Mean with its bootstrap percentile interval (Efron 1979): the 2.5 % and 97.5 % quantiles of the means of resamples
 * drawn with replacement.
 *
 * @throws RangeError without values, and for fewer than 100 resamples
 */
export function bootstrapMean(values: ArrayLike<number>, options: BootstrapOptions): Estimate {
  const resamples = options.resamples ?? defaultResamples;
  if (!Number.isInteger(resamples) || resamples < 100) {
    throw new RangeError(`bootstrap: ${resamples} resamples, expected a whole number of at least 100`);
  }
  const sample = Float64Array.from(values);
  const value = mean(sample);
  const seed = deriveSeed(options.seed, 'bootstrap');
  const count = values.length;
  const indices = new Uint32Array(count);
  const means = new Float64Array(resamples);
  for (let b = 0; b < resamples; b++) {
    fillResample(indices, count, seed, b);
    let sum = 0;
    for (const index of indices) sum += f64(sample, index);
    means[b] = sum / count;
  }
  means.sort();
  return { value, low: quantile(means, 0.025), high: quantile(means, 0.975) };
}

/**
 * Mean of after_i - before_i with its bootstrap interval. Pairing (the same prompts before and after) takes the spread
 * between prompts out of the interval.
 *
 * @throws RangeError when lengths differ
 */
export function bootstrapPairedDifference(
  after: ArrayLike<number>,
  before: ArrayLike<number>,
  options: BootstrapOptions,
): Estimate {
  checkPairs('paired difference', after, before);
  return bootstrapMean(
    Float64Array.from(after, (value, i) => value - at(before, i)),
    options,
  );
}

/**
 * Share of pairs in which `ours_i > theirs_i`, ties counting half, with the Wilson score interval (Wilson 1927). Unlike
 * a bootstrap it keeps its width where all pairs are won; ties make it conservative, since half points vary less.
 *
 * @throws RangeError when lengths differ or there are no pairs
 */
export function winRate(ours: ArrayLike<number>, theirs: ArrayLike<number>): Estimate {
  checkPairs('win rate', ours, theirs);
  const count = ours.length;
  const value = mean(Float64Array.from(ours, (score, i) => (1 + Math.sign(score - at(theirs, i))) / 2));
  const z2 = (z95 * z95) / count;
  const center = (value + z2 / 2) / (1 + z2);
  const half = (z95 / (1 + z2)) * Math.sqrt((value * (1 - value)) / count + z2 / (4 * count));
  return { value, low: Math.max(0, center - half), high: Math.min(1, center + half) };
}

/**
 * Kendall's rank correlation τ-b (Kendall 1945): pairs in the same order less those in the opposite one, over the geometric mean of the
 * numbers of pairs that differ in each. 1: the same order, -1: the opposite one, NaN where one side is constant.
 *
 * @throws RangeError when lengths differ or there are no values
 */
export function kendallTau(a: ArrayLike<number>, b: ArrayLike<number>): number {
  checkPairs("Kendall's τ", a, b);
  let [agreement, differing, others] = [0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    for (let j = 0; j < i; j++) {
      const [x, y] = [Math.sign(at(a, i) - at(a, j)), Math.sign(at(b, i) - at(b, j))];
      agreement += x * y;
      differing += x * x;
      others += y * y;
    }
  }
  return agreement / Math.sqrt(differing * others);
}

/** Quantile of sorted values, interpolated linearly between order statistics. */
function quantile(sorted: Float64Array, fraction: number): number {
  const position = (sorted.length - 1) * fraction;
  const below = Math.floor(position);
  const [low, high] = [f64(sorted, below), f64(sorted, Math.min(below + 1, sorted.length - 1))];
  return low + (high - low) * (position - below);
}

function checkPairs(what: string, a: ArrayLike<number>, b: ArrayLike<number>): void {
  if (a.length !== b.length) throw new RangeError(`${what}: ${a.length} scores against ${b.length}; pairs are needed`);
  if (a.length === 0) throw new RangeError(`${what}: no pairs; give at least one`);
  assertFinite(a, what, 'score', 'remove the pair deliberately, or find out where it comes from');
  assertFinite(b, what, 'score', 'remove the pair deliberately, or find out where it comes from');
}
