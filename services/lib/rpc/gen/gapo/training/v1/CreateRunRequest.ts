// Original file: gapo/training/v1/training.proto


/**
 * Request to create a run.
 */
export interface CreateRunRequestInput {
  /**
   * The run configuration, as YAML.
   */
  'configYaml'?: (string);
  /**
   * The directory on the coordinator's file system against which relative paths in the configuration are resolved.
   */
  'baseDirectory'?: (string);
  /**
   * The id of the run; generated from its name and the time if empty.
   */
  'runId'?: (string);
  /**
   * The file name of the configuration, for error messages; run.yaml if empty.
   */
  'configName'?: (string);
  /**
   * Who requests it, for the audit log. Ignored if calls need a token, which names the caller.
   */
  'author'?: (string);
}

/**
 * Request to create a run.
 */
export interface CreateRunRequest {
  /**
   * The run configuration, as YAML.
   */
  'configYaml': (string);
  /**
   * The directory on the coordinator's file system against which relative paths in the configuration are resolved.
   */
  'baseDirectory': (string);
  /**
   * The id of the run; generated from its name and the time if empty.
   */
  'runId': (string);
  /**
   * The file name of the configuration, for error messages; run.yaml if empty.
   */
  'configName': (string);
  /**
   * Who requests it, for the audit log. Ignored if calls need a token, which names the caller.
   */
  'author': (string);
}
