// Original file: inference/open_inference.proto


/**
 * About the server.
 */
export interface ServerReadyResponseInput {
  /**
   * Whether it takes requests.
   */
  'ready'?: (boolean);
}

/**
 * About the server.
 */
export interface ServerReadyResponse {
  /**
   * Whether it takes requests.
   */
  'ready': (boolean);
}
