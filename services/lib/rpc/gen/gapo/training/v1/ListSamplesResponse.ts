// Original file: gapo/training/v1/samples.proto

import type { SampleInput as _gapo_training_v1_SampleInput, Sample as _gapo_training_v1_Sample } from '../../../gapo/training/v1/Sample.js';
import type { Long } from '@grpc/proto-loader';

/**
 * A page of completions.
 */
export interface ListSamplesResponseInput {
  /**
   * The completions.
   */
  'samples'?: (_gapo_training_v1_SampleInput)[];
  /**
   * The page_token of the next page; empty after the last.
   */
  'nextPageToken'?: (string);
  /**
   * Number of completions on all pages.
   */
  'total'?: (number);
  /**
   * The step that sampled them; unset if they come from every step.
   */
  'step'?: (number | string | Long);
  /**
   * The policy version that sampled them; unset if they come from every step.
   */
  'version'?: (number | string | Long);
  /**
   * Number of completions that the step sampled, not all of which are kept; unset if they come from every step.
   */
  'sampled'?: (number);
  /**
   * Number of the step's completions that are kept; unset if they come from every step.
   */
  'kept'?: (number);
  /**
   * The steps with kept completions, ascending.
   */
  'steps'?: (number | string | Long)[];
  '_step'?: "step";
  '_version'?: "version";
  '_sampled'?: "sampled";
  '_kept'?: "kept";
}

/**
 * A page of completions.
 */
export interface ListSamplesResponse {
  /**
   * The completions.
   */
  'samples': (_gapo_training_v1_Sample)[];
  /**
   * The page_token of the next page; empty after the last.
   */
  'nextPageToken': (string);
  /**
   * Number of completions on all pages.
   */
  'total': (number);
  /**
   * The step that sampled them; unset if they come from every step.
   */
  'step'?: (number);
  /**
   * The policy version that sampled them; unset if they come from every step.
   */
  'version'?: (number);
  /**
   * Number of completions that the step sampled, not all of which are kept; unset if they come from every step.
   */
  'sampled'?: (number);
  /**
   * Number of the step's completions that are kept; unset if they come from every step.
   */
  'kept'?: (number);
  /**
   * The steps with kept completions, ascending.
   */
  'steps': (number)[];
  '_step'?: "step";
  '_version'?: "version";
  '_sampled'?: "sampled";
  '_kept'?: "kept";
}
