// Original file: gapo/training/v1/samples.proto

import type { SampleOrderInput as _gapo_training_v1_SampleOrderInput, SampleOrder as _gapo_training_v1_SampleOrder } from '../../../gapo/training/v1/SampleOrder.js';
import type { Long } from '@grpc/proto-loader';

/**
 * Request for completions.
 */
export interface ListSamplesRequestInput {
  /**
   * The run's id.
   */
  'runId'?: (string);
  /**
   * The step; the newest with completions where unset, or an empty page where there is none.
   */
  'step'?: (number | string | Long);
  /**
   * Only completions of this prompt, at every step that the run keeps; the step must then be unset. Empty: every prompt of one step.
   */
  'promptId'?: (string);
  /**
   * The order.
   */
  'order'?: (_gapo_training_v1_SampleOrderInput);
  /**
   * The objective of SAMPLE_ORDER_WORST; empty in any other order.
   */
  'objective'?: (string);
  /**
   * Only completions that reached the limit of their length.
   */
  'unfinished'?: (boolean);
  /**
   * Only completions that contain this text, in the prompt or in the completion, upper and lower case alike; at most 200 characters.
   */
  'search'?: (string);
  /**
   * Completions of a page, at most: 1 to 100; 20 where 0. A page has fewer where texts are long.
   */
  'pageSize'?: (number);
  /**
   * Where the page begins: next_page_token of the page before; empty for the first.
   */
  'pageToken'?: (string);
  '_step'?: "step";
}

/**
 * Request for completions.
 */
export interface ListSamplesRequest {
  /**
   * The run's id.
   */
  'runId': (string);
  /**
   * The step; the newest with completions where unset, or an empty page where there is none.
   */
  'step'?: (number);
  /**
   * Only completions of this prompt, at every step that the run keeps; the step must then be unset. Empty: every prompt of one step.
   */
  'promptId': (string);
  /**
   * The order.
   */
  'order': (_gapo_training_v1_SampleOrder);
  /**
   * The objective of SAMPLE_ORDER_WORST; empty in any other order.
   */
  'objective': (string);
  /**
   * Only completions that reached the limit of their length.
   */
  'unfinished': (boolean);
  /**
   * Only completions that contain this text, in the prompt or in the completion, upper and lower case alike; at most 200 characters.
   */
  'search': (string);
  /**
   * Completions of a page, at most: 1 to 100; 20 where 0. A page has fewer where texts are long.
   */
  'pageSize': (number);
  /**
   * Where the page begins: next_page_token of the page before; empty for the first.
   */
  'pageToken': (string);
  '_step'?: "step";
}
