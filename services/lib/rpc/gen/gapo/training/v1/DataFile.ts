// Original file: gapo/training/v1/run.proto

import type { Long } from '@grpc/proto-loader';

/**
 * A file of a run's data.
 */
export interface DataFileInput {
  /**
   * The key of `data` in the configuration that names it, such as prompts.
   */
  'key'?: (string);
  /**
   * The path as written in the configuration.
   */
  'file'?: (string);
  /**
   * SHA-256 (hex) of its bytes.
   */
  'sha256'?: (string);
  /**
   * Rows that are not blank.
   */
  'rows'?: (number | string | Long);
  /**
   * Rows dropped because they were too long (`data.overlong: drop`).
   */
  'dropped'?: (number | string | Long);
  /**
   * Rows truncated on the left because they were too long (`data.overlong: truncate-left`).
   */
  'truncated'?: (number | string | Long);
}

/**
 * A file of a run's data.
 */
export interface DataFile {
  /**
   * The key of `data` in the configuration that names it, such as prompts.
   */
  'key': (string);
  /**
   * The path as written in the configuration.
   */
  'file': (string);
  /**
   * SHA-256 (hex) of its bytes.
   */
  'sha256': (string);
  /**
   * Rows that are not blank.
   */
  'rows': (number);
  /**
   * Rows dropped because they were too long (`data.overlong: drop`).
   */
  'dropped': (number);
  /**
   * Rows truncated on the left because they were too long (`data.overlong: truncate-left`).
   */
  'truncated': (number);
}
