// Original file: inference/open_inference.proto


/**
 * Asks for a model.
 */
export interface ModelReadyRequestInput {
  /**
   * Its name.
   */
  'name'?: (string);
  /**
   * Its version; empty: the server chooses.
   */
  'version'?: (string);
}

/**
 * Asks for a model.
 */
export interface ModelReadyRequest {
  /**
   * Its name.
   */
  'name': (string);
  /**
   * Its version; empty: the server chooses.
   */
  'version': (string);
}
