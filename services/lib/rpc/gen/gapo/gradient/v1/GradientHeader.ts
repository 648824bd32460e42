// Original file: gapo/gradient/v1/gradient.proto

import type { TensorHeaderInput as _gapo_tensor_v1_TensorHeaderInput, TensorHeader as _gapo_tensor_v1_TensorHeader } from '../../../gapo/tensor/v1/TensorHeader.js';

/**
 * Announces the gradients: objectives first, in order, then `regularizer`; each covers the trained tensors in the version's order.
 */
export interface GradientHeaderInput {
  /**
   * With EXACT, LAST_LAYER and PROJECTION one float32 tensor for each objective, over the parameters below or [dimensions];
   * with EXACT then one for the regularisers where any has a coefficient. With LOGITS one float64 tensor `gram` [K, K].
   */
  'tensors'?: (_gapo_tensor_v1_TensorHeaderInput)[];
  /**
   * The trained tensors that each flat gradient concatenates; empty with LOGITS and PROJECTION.
   */
  'parameters'?: (_gapo_tensor_v1_TensorHeaderInput)[];
}

/**
 * Announces the gradients: objectives first, in order, then `regularizer`; each covers the trained tensors in the version's order.
 */
export interface GradientHeader {
  /**
   * With EXACT, LAST_LAYER and PROJECTION one float32 tensor for each objective, over the parameters below or [dimensions];
   * with EXACT then one for the regularisers where any has a coefficient. With LOGITS one float64 tensor `gram` [K, K].
   */
  'tensors': (_gapo_tensor_v1_TensorHeader)[];
  /**
   * The trained tensors that each flat gradient concatenates; empty with LOGITS and PROJECTION.
   */
  'parameters': (_gapo_tensor_v1_TensorHeader)[];
}
