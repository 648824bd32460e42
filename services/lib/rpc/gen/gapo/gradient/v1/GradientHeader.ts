// Original file: gapo/gradient/v1/gradient.proto

import type { TensorHeaderInput as _gapo_tensor_v1_TensorHeaderInput, TensorHeader as _gapo_tensor_v1_TensorHeader } from '../../../gapo/tensor/v1/TensorHeader.js';

/**
 * Describes the gradients: objectives first, in order, then `regularizer`. Each covers the trained tensors in the version's order.
 */
export interface GradientHeaderInput {
  /**
   * With EXACT, LAST_LAYER and PROJECTION: one float32 tensor per objective, over the parameters below or [dimensions]. EXACT adds
   * one for the regularizer if any coefficient is not 0. With LOGITS: one float64 tensor `gram` [K, K].
   */
  'tensors'?: (_gapo_tensor_v1_TensorHeaderInput)[];
  /**
   * The trained tensors that each flat gradient concatenates; empty with LOGITS and PROJECTION.
   */
  'parameters'?: (_gapo_tensor_v1_TensorHeaderInput)[];
}

/**
 * Describes the gradients: objectives first, in order, then `regularizer`. Each covers the trained tensors in the version's order.
 */
export interface GradientHeader {
  /**
   * With EXACT, LAST_LAYER and PROJECTION: one float32 tensor per objective, over the parameters below or [dimensions]. EXACT adds
   * one for the regularizer if any coefficient is not 0. With LOGITS: one float64 tensor `gram` [K, K].
   */
  'tensors': (_gapo_tensor_v1_TensorHeader)[];
  /**
   * The trained tensors that each flat gradient concatenates; empty with LOGITS and PROJECTION.
   */
  'parameters': (_gapo_tensor_v1_TensorHeader)[];
}
