// Original file: gapo/training/v1/samples.proto

import type { Long } from '@grpc/proto-loader';

/**
 * Request for one completion.
 */
export interface GetSampleRequestInput {
  /**
   * The run's id.
   */
  'runId'?: (string);
  /**
   * Sample.step.
   */
  'step'?: (number | string | Long);
  /**
   * Sample.prompt.
   */
  'prompt'?: (number);
  /**
   * Sample.sample.
   */
  'sample'?: (number);
}

/**
 * Request for one completion.
 */
export interface GetSampleRequest {
  /**
   * The run's id.
   */
  'runId': (string);
  /**
   * Sample.step.
   */
  'step': (number);
  /**
   * Sample.prompt.
   */
  'prompt': (number);
  /**
   * Sample.sample.
   */
  'sample': (number);
}
