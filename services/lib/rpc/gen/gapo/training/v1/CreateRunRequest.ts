// Original file: gapo/training/v1/training.proto


/**
 * Asks for a new run.
 */
export interface CreateRunRequestInput {
  /**
   * The run configuration, YAML.
   */
  'configYaml'?: (string);
  /**
   * Directory that relative paths of the configuration start from, as the coordinator sees it.
   */
  'baseDirectory'?: (string);
  /**
   * The run's id; made from the name and the time where empty.
   */
  'runId'?: (string);
  /**
   * What errors call the configuration, as the name of its file; run.yaml where empty.
   */
  'configName'?: (string);
}

/**
 * Asks for a new run.
 */
export interface CreateRunRequest {
  /**
   * The run configuration, YAML.
   */
  'configYaml': (string);
  /**
   * Directory that relative paths of the configuration start from, as the coordinator sees it.
   */
  'baseDirectory': (string);
  /**
   * The run's id; made from the name and the time where empty.
   */
  'runId': (string);
  /**
   * What errors call the configuration, as the name of its file; run.yaml where empty.
   */
  'configName': (string);
}
