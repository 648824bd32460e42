/** Measures the throughput of a reward service by batch size. */
import type { Client } from '@gapo/rpc';
import { ordinaryItems } from './probes.js';

/** Measurements of one batch size. */
export interface Throughput {
  readonly batch: number;
  readonly calls: number;
  /** Median milliseconds of a call. */
  readonly p50: number;
  /** 99th percentile in milliseconds; the slowest call if there were fewer than 100. */
  readonly p99: number;
  readonly itemsPerSecond: number;
}

/** Batch sizes up to a limit: 1, 4, 16, 64, 256, ... and the limit itself. */
export function batchSizes(limit: number): number[] {
  const sizes: number[] = [];
  for (let size = 1; size < limit; size *= 4) sizes.push(size);
  return [...sizes, limit];
}

/**
 * Calls the service sequentially, at least three times.
 *
 * @param seconds how long to measure
 */
export async function throughput(
  client: Client<'gapo.reward.v1.RewardService'>,
  batch: number,
  seconds: number,
  deadlineMs: number,
  signal: AbortSignal,
): Promise<Throughput> {
  const items = ordinaryItems(batch);
  const times: number[] = [];
  const began = performance.now();
  while (times.length < 3 || performance.now() - began < seconds * 1000) {
    const before = performance.now();
    await client.Score({ items }, { deadlineMs, signal });
    times.push(performance.now() - before);
  }
  const total = times.reduce((sum, ms) => sum + ms, 0);
  times.sort((a, b) => a - b);
  const quantile = (share: number): number =>
    times[Math.min(times.length - 1, Math.floor(share * times.length))] ?? NaN;
  return {
    batch,
    calls: times.length,
    p50: quantile(0.5),
    p99: quantile(0.99),
    itemsPerSecond: (1000 * batch * times.length) / total,
  };
}
