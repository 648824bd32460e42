// Original file: inference/open_inference.proto


/**
 * Asks for a model's tensors.
 */
export interface ModelMetadataRequestInput {
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
 * Asks for a model's tensors.
 */
export interface ModelMetadataRequest {
  /**
   * Its name.
   */
  'name': (string);
  /**
   * Its version; empty: the server chooses.
   */
  'version': (string);
}
