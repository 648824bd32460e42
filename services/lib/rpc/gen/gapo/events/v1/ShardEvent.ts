// Original file: gapo/events/v1/events.proto

import type { Long } from '@grpc/proto-loader';

/**
 * Data of `rollout` and `gradient`: a worker finished a shard.
 */
export interface ShardEventInput {
  /**
   * The step that the sequences are for, from 1. With rollout.staleness, rollout events may belong to a later step than the one in
   * training.
   */
  'step'?: (number | string | Long);
  /**
   * The shard, from 0.
   */
  'shard'?: (number);
  /**
   * The policy version that sampled the shard, or whose gradients were computed.
   */
  'version'?: (number | string | Long);
  /**
   * Sequences in the shard.
   */
  'sequences'?: (number);
  /**
   * Completion tokens in the shard.
   */
  'tokens'?: (number | string | Long);
  /**
   * Wall time in seconds.
   */
  'seconds'?: (number | string);
  /**
   * The worker, as host:port.
   */
  'worker'?: (string);
  /**
   * For a straggler, how many times longer it takes than the median of the other workers; otherwise 0.
   */
  'slowness'?: (number | string);
}

/**
 * Data of `rollout` and `gradient`: a worker finished a shard.
 */
export interface ShardEvent {
  /**
   * The step that the sequences are for, from 1. With rollout.staleness, rollout events may belong to a later step than the one in
   * training.
   */
  'step': (number);
  /**
   * The shard, from 0.
   */
  'shard': (number);
  /**
   * The policy version that sampled the shard, or whose gradients were computed.
   */
  'version': (number);
  /**
   * Sequences in the shard.
   */
  'sequences': (number);
  /**
   * Completion tokens in the shard.
   */
  'tokens': (number);
  /**
   * Wall time in seconds.
   */
  'seconds': (number);
  /**
   * The worker, as host:port.
   */
  'worker': (string);
  /**
   * For a straggler, how many times longer it takes than the median of the other workers; otherwise 0.
   */
  'slowness': (number);
}
