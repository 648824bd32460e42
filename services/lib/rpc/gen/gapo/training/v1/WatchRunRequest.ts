// Original file: gapo/training/v1/training.proto

import type { Long } from '@grpc/proto-loader';

/**
 * Asks to follow a run.
 */
export interface WatchRunRequestInput {
  /**
   * The run's id.
   */
  'runId'?: (string);
  /**
   * Only steps after this one.
   */
  'afterStep'?: (number | string | Long);
}

/**
 * Asks to follow a run.
 */
export interface WatchRunRequest {
  /**
   * The run's id.
   */
  'runId': (string);
  /**
   * Only steps after this one.
   */
  'afterStep': (number);
}
