// Original file: gapo/training/v1/samples.proto

import type { SampleInput as _gapo_training_v1_SampleInput, Sample as _gapo_training_v1_Sample } from '../../../gapo/training/v1/Sample.js';

/**
 * One completion.
 */
export interface GetSampleResponseInput {
  /**
   * With its tokens, unless a release that did not keep them recorded it.
   */
  'sample'?: (_gapo_training_v1_SampleInput | null);
}

/**
 * One completion.
 */
export interface GetSampleResponse {
  /**
   * With its tokens, unless a release that did not keep them recorded it.
   */
  'sample': (_gapo_training_v1_Sample | null);
}
