// Original file: gapo/gradient/v1/gradient.proto

import type { Long } from '@grpc/proto-loader';

/**
 * Sums over the shard's tokens; divide by `tokens` for means.
 */
export interface GradientStatisticsInput {
  /**
   * Completion tokens.
   */
  'tokens'?: (number | string | Long);
  /**
   * Σ ½(log π − log π_ref)², the k2 estimate of KL.
   */
  'klSum'?: (number | string);
  /**
   * Σ entropy of the next-token distribution, in nats.
   */
  'entropySum'?: (number | string);
  /**
   * [K], the number of tokens at which the clip is active.
   */
  'clipped'?: (number | string)[];
  /**
   * The largest |log π − old log π| of any token. For the version that sampled, this compares sampler and trainer.
   */
  'maxLogprobGap'?: (number | string);
  /**
   * [value heads], Σ ½(V − R)².
   */
  'valueLossSum'?: (number | string)[];
}

/**
 * Sums over the shard's tokens; divide by `tokens` for means.
 */
export interface GradientStatistics {
  /**
   * Completion tokens.
   */
  'tokens': (number);
  /**
   * Σ ½(log π − log π_ref)², the k2 estimate of KL.
   */
  'klSum': (number);
  /**
   * Σ entropy of the next-token distribution, in nats.
   */
  'entropySum': (number);
  /**
   * [K], the number of tokens at which the clip is active.
   */
  'clipped': (number)[];
  /**
   * The largest |log π − old log π| of any token. For the version that sampled, this compares sampler and trainer.
   */
  'maxLogprobGap': (number);
  /**
   * [value heads], Σ ½(V − R)².
   */
  'valueLossSum': (number)[];
}
