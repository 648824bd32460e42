// Original file: gapo/gradient/v1/gradient.proto

/**
 * What to compute of the objectives' gradients: the full gradients, or an approximation from which to choose combination weights.
 */
export const GradientSource = {
  /**
   * Not set: read as EXACT.
   */
  GRADIENT_SOURCE_UNSPECIFIED: 'GRADIENT_SOURCE_UNSPECIFIED',
  /**
   * The gradient over every trained tensor.
   */
  GRADIENT_SOURCE_EXACT: 'GRADIENT_SOURCE_EXACT',
  /**
   * The gradient over the trained tensors of the last layer only, where the backward pass stops.
   */
  GRADIENT_SOURCE_LAST_LAYER: 'GRADIENT_SOURCE_LAST_LAYER',
  /**
   * The Gram matrix of the gradients with respect to the logits (MGDA-UB), without a backward pass.
   */
  GRADIENT_SOURCE_LOGITS: 'GRADIENT_SOURCE_LOGITS',
  /**
   * The exact gradients, projected to fewer dimensions by random signs before they are sent.
   */
  GRADIENT_SOURCE_PROJECTION: 'GRADIENT_SOURCE_PROJECTION',
} as const;

/**
 * What to compute of the objectives' gradients: the full gradients, or an approximation from which to choose combination weights.
 */
export type GradientSourceInput =
  /**
   * Not set: read as EXACT.
   */
  | 'GRADIENT_SOURCE_UNSPECIFIED'
  | 0
  /**
   * The gradient over every trained tensor.
   */
  | 'GRADIENT_SOURCE_EXACT'
  | 1
  /**
   * The gradient over the trained tensors of the last layer only, where the backward pass stops.
   */
  | 'GRADIENT_SOURCE_LAST_LAYER'
  | 2
  /**
   * The Gram matrix of the gradients with respect to the logits (MGDA-UB), without a backward pass.
   */
  | 'GRADIENT_SOURCE_LOGITS'
  | 3
  /**
   * The exact gradients, projected to fewer dimensions by random signs before they are sent.
   */
  | 'GRADIENT_SOURCE_PROJECTION'
  | 4

/**
 * What to compute of the objectives' gradients: the full gradients, or an approximation from which to choose combination weights.
 */
export type GradientSource = typeof GradientSource[keyof typeof GradientSource]
