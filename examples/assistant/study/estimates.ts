/** Means over seeds with their 95 % intervals. */
import { mean, standardDeviation } from '@gapo/numeric';

/** A mean; the ends of its interval are NaN if it has none. */
export interface Estimate {
  mean: number;
  low: number;
  high: number;
}

/** The 0.975 quantiles of Student's t for 1 to 30 degrees of freedom. */
const quantiles = [
  12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.16, 2.145, 2.131, 2.12, 2.11,
  2.101, 2.093, 2.086, 2.08, 2.074, 2.069, 2.064, 2.06, 2.056, 2.052, 2.048, 2.045, 2.042,
];
const normalQuantile = 1.96;

/** Returns the mean of one value per seed with Student's t interval; a single value has no interval. */
export function overSeeds(values: readonly number[]): Estimate {
  const center = mean(values);
  if (values.length < 2) return { mean: center, low: NaN, high: NaN };
  const quantile = quantiles[values.length - 2] ?? normalQuantile;
  const half = (quantile * standardDeviation(values)) / Math.sqrt(values.length);
  return { mean: center, low: center - half, high: center + half };
}

/** Returns the mean of paired differences over seeds. */
export function differenceOverSeeds(a: readonly number[], b: readonly number[]): Estimate {
  return overSeeds(a.map((value, i) => value - (b[i] ?? NaN)));
}
