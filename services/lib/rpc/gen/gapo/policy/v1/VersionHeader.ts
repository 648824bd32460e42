// Original file: gapo/policy/v1/policy.proto

import type { TensorHeaderInput as _gapo_tensor_v1_TensorHeaderInput, TensorHeader as _gapo_tensor_v1_TensorHeader } from '../../../gapo/tensor/v1/TensorHeader.js';
import type { Long } from '@grpc/proto-loader';

/**
 * Describes a version's tensors.
 */
export interface VersionHeaderInput {
  /**
   * The run.
   */
  'runId'?: (string);
  /**
   * The version.
   */
  'version'?: (number | string | Long);
  /**
   * SHA-256 (hex) of the concatenated tensor bytes, in the order of `tensors`.
   */
  'sha256'?: (string);
  /**
   * The tensors, in the order in which their bytes follow.
   */
  'tensors'?: (_gapo_tensor_v1_TensorHeaderInput)[];
}

/**
 * Describes a version's tensors.
 */
export interface VersionHeader {
  /**
   * The run.
   */
  'runId': (string);
  /**
   * The version.
   */
  'version': (number);
  /**
   * SHA-256 (hex) of the concatenated tensor bytes, in the order of `tensors`.
   */
  'sha256': (string);
  /**
   * The tensors, in the order in which their bytes follow.
   */
  'tensors': (_gapo_tensor_v1_TensorHeader)[];
}
