// Original file: gapo/worker/v1/worker.proto


/**
 * A worker's identity.
 */
export interface IdentifyResponseInput {
  /**
   * Identifies the process. Requests that name another instance are refused with ABORTED.
   */
  'instance'?: (string);
  /**
   * The release, for example 0.1.0. A coordinator refuses workers of a different release.
   */
  'version'?: (string);
  /**
   * Identifies the protocol: a hash of all messages and services. A coordinator refuses workers with a different one.
   */
  'protocol'?: (string);
  /**
   * Identifies the worker's code: the release and a hash of its compiled files. Workers of one kind must have the same.
   */
  'build'?: (string);
  /**
   * What determines the last bits of the worker's numbers, by name: threads, device, runtime, platform, instructions. Workers
   * of one kind must have the same.
   */
  'environment'?: ({[key: string]: string});
}

/**
 * A worker's identity.
 */
export interface IdentifyResponse {
  /**
   * Identifies the process. Requests that name another instance are refused with ABORTED.
   */
  'instance': (string);
  /**
   * The release, for example 0.1.0. A coordinator refuses workers of a different release.
   */
  'version': (string);
  /**
   * Identifies the protocol: a hash of all messages and services. A coordinator refuses workers with a different one.
   */
  'protocol': (string);
  /**
   * Identifies the worker's code: the release and a hash of its compiled files. Workers of one kind must have the same.
   */
  'build': (string);
  /**
   * What determines the last bits of the worker's numbers, by name: threads, device, runtime, platform, instructions. Workers
   * of one kind must have the same.
   */
  'environment': ({[key: string]: string});
}
