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
   * Number of completions of all pages.
   */
  'total'?: (number);
  /**
   * The step that they are of; unset where they are of every step.
   */
  'step'?: (number | string | Long);
  /**
   * The policy version that sampled them; unset where they are of every step.
   */
  'version'?: (number | string | Long);
  /**
   * Completions that the step sampled, of which some are kept; unset where they are of every step.
   */
  'sampled'?: (number);
  /**
   * Completions of the step that are kept; unset where they are of every step.
   */
  'kept'?: (number);
  /**
   * The steps of which completions are kept, ascending.
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
   * Number of completions of all pages.
   */
  'total': (number);
  /**
   * The step that they are of; unset where they are of every step.
   */
  'step'?: (number);
  /**
   * The policy version that sampled them; unset where they are of every step.
   */
  'version'?: (number);
  /**
   * Completions that the step sampled, of which some are kept; unset where they are of every step.
   */
  'sampled'?: (number);
  /**
   * Completions of the step that are kept; unset where they are of every step.
   */
  'kept'?: (number);
  /**
   * The steps of which completions are kept, ascending.
   */
  'steps': (number)[];
  '_step'?: "step";
  '_version'?: "version";
  '_sampled'?: "sampled";
  '_kept'?: "kept";
}
