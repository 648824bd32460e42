// Original file: gapo/gradient/v1/gradient.proto

import type { GradientHeaderInput as _gapo_gradient_v1_GradientHeaderInput, GradientHeader as _gapo_gradient_v1_GradientHeader } from '../../../gapo/gradient/v1/GradientHeader.js';
import type { TensorChunkInput as _gapo_tensor_v1_TensorChunkInput, TensorChunk as _gapo_tensor_v1_TensorChunk } from '../../../gapo/tensor/v1/TensorChunk.js';
import type { GradientStatisticsInput as _gapo_gradient_v1_GradientStatisticsInput, GradientStatistics as _gapo_gradient_v1_GradientStatistics } from '../../../gapo/gradient/v1/GradientStatistics.js';

/**
 * One message of a gradient stream.
 */
export interface ComputeGradientsResponseInput {
  /**
   * Describes what follows.
   */
  'header'?: (_gapo_gradient_v1_GradientHeaderInput | null);
  /**
   * The next bytes.
   */
  'chunk'?: (_gapo_tensor_v1_TensorChunkInput | null);
  /**
   * The last message.
   */
  'statistics'?: (_gapo_gradient_v1_GradientStatisticsInput | null);
  /**
   * A header, then chunks, then statistics.
   */
  'part'?: "header"|"chunk"|"statistics";
}

/**
 * One message of a gradient stream.
 */
export interface ComputeGradientsResponse {
  /**
   * Describes what follows.
   */
  'header'?: (_gapo_gradient_v1_GradientHeader | null);
  /**
   * The next bytes.
   */
  'chunk'?: (_gapo_tensor_v1_TensorChunk | null);
  /**
   * The last message.
   */
  'statistics'?: (_gapo_gradient_v1_GradientStatistics | null);
  /**
   * A header, then chunks, then statistics.
   */
  'part'?: "header"|"chunk"|"statistics";
}
