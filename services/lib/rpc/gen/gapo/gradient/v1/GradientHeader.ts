// Original file: gapo/gradient/v1/gradient.proto

import type { TensorHeaderInput as _gapo_tensor_v1_TensorHeaderInput, TensorHeader as _gapo_tensor_v1_TensorHeader } from '../../../gapo/tensor/v1/TensorHeader.js';

/**
 * Announces the gradients: objectives first, in order, then `regularizer`; each covers the trained tensors in the version's order.
 */
export interface GradientHeaderInput {
  /**
   * One float32 tensor [trained parameters] for each objective, then one for the regularisers where any has a coefficient.
   */
  'tensors'?: (_gapo_tensor_v1_TensorHeaderInput)[];
  /**
   * The trained tensors that each flat gradient concatenates.
   */
  'parameters'?: (_gapo_tensor_v1_TensorHeaderInput)[];
}

/**
 * Announces the gradients: objectives first, in order, then `regularizer`; each covers the trained tensors in the version's order.
 */
export interface GradientHeader {
  /**
   * One float32 tensor [trained parameters] for each objective, then one for the regularisers where any has a coefficient.
   */
  'tensors': (_gapo_tensor_v1_TensorHeader)[];
  /**
   * The trained tensors that each flat gradient concatenates.
   */
  'parameters': (_gapo_tensor_v1_TensorHeader)[];
}
