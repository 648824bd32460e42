// Original file: gapo/events/v1/events.proto

import type { Long } from '@grpc/proto-loader';

/**
 * Data of `checkpoint`: a checkpoint is on disk.
 */
export interface CheckpointEventInput {
  /**
   * The step.
   */
  'step'?: (number | string | Long);
  /**
   * The checkpoint's directory.
   */
  'directory'?: (string);
  /**
   * SHA-256 (hex) of the version's tensors.
   */
  'sha256'?: (string);
}

/**
 * Data of `checkpoint`: a checkpoint is on disk.
 */
export interface CheckpointEvent {
  /**
   * The step.
   */
  'step': (number);
  /**
   * The checkpoint's directory.
   */
  'directory': (string);
  /**
   * SHA-256 (hex) of the version's tensors.
   */
  'sha256': (string);
}
