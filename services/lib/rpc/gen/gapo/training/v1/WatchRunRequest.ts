// Original file: gapo/training/v1/training.proto

import type { Long } from '@grpc/proto-loader';

/**
 * Request to watch a run.
 */
export interface WatchRunRequestInput {
  /**
   * The run's id.
   */
  'runId'?: (string);
  /**
   * Only steps after this one are sent.
   */
  'afterStep'?: (number | string | Long);
}

/**
 * Request to watch a run.
 */
export interface WatchRunRequest {
  /**
   * The run's id.
   */
  'runId': (string);
  /**
   * Only steps after this one are sent.
   */
  'afterStep': (number);
}
