// Original file: gapo/policy/v1/policy.proto

import type { VersionHeaderInput as _gapo_policy_v1_VersionHeaderInput, VersionHeader as _gapo_policy_v1_VersionHeader } from '../../../gapo/policy/v1/VersionHeader.js';
import type { TensorChunkInput as _gapo_tensor_v1_TensorChunkInput, TensorChunk as _gapo_tensor_v1_TensorChunk } from '../../../gapo/tensor/v1/TensorChunk.js';

/**
 * One message of a version's stream.
 */
export interface GetVersionResponseInput {
  /**
   * Describes what follows.
   */
  'header'?: (_gapo_policy_v1_VersionHeaderInput | null);
  /**
   * The next bytes.
   */
  'chunk'?: (_gapo_tensor_v1_TensorChunkInput | null);
  /**
   * The header comes first, then chunks only.
   */
  'part'?: "header"|"chunk";
}

/**
 * One message of a version's stream.
 */
export interface GetVersionResponse {
  /**
   * Describes what follows.
   */
  'header'?: (_gapo_policy_v1_VersionHeader | null);
  /**
   * The next bytes.
   */
  'chunk'?: (_gapo_tensor_v1_TensorChunk | null);
  /**
   * The header comes first, then chunks only.
   */
  'part'?: "header"|"chunk";
}
