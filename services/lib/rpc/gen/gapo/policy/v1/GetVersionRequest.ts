// Original file: gapo/policy/v1/policy.proto

import type { Long } from '@grpc/proto-loader';

/**
 * A request for a version.
 */
export interface GetVersionRequestInput {
  /**
   * The run.
   */
  'runId'?: (string);
  /**
   * The version.
   */
  'version'?: (number | string | Long);
}

/**
 * A request for a version.
 */
export interface GetVersionRequest {
  /**
   * The run.
   */
  'runId': (string);
  /**
   * The version.
   */
  'version': (number);
}
