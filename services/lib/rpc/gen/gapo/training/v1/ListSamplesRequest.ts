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
   * The step; if unset, the newest with completions, or an empty page if there is none.
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
   * Only completions that reached the length limit.
   */
  'unfinished'?: (boolean);
  /**
   * Only completions that contain this text in the prompt or the completion, ignoring case; at most 200 characters.
   */
  'search'?: (string);
  /**
   * The maximum number of completions per page: 1 to 100; 20 if 0. A page has fewer if texts are long.
   */
  'pageSize'?: (number);
  /**
   * Where the page begins: next_page_token of the previous page; empty for the first.
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
   * The step; if unset, the newest with completions, or an empty page if there is none.
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
   * Only completions that reached the length limit.
   */
  'unfinished': (boolean);
  /**
   * Only completions that contain this text in the prompt or the completion, ignoring case; at most 200 characters.
   */
  'search': (string);
  /**
   * The maximum number of completions per page: 1 to 100; 20 if 0. A page has fewer if texts are long.
   */
  'pageSize': (number);
  /**
   * Where the page begins: next_page_token of the previous page; empty for the first.
   */
  'pageToken': (string);
  '_step'?: "step";
}
