// Original file: inference/open_inference.proto


/**
 * About a model.
 */
export interface ModelReadyResponseInput {
  /**
   * Whether it takes requests.
   */
  'ready'?: (boolean);
}

/**
 * About a model.
 */
export interface ModelReadyResponse {
  /**
   * Whether it takes requests.
   */
  'ready': (boolean);
}
