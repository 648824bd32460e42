/** The precision of an engine's matrix products. */

/**
 * The precision of matrix products. float16 halves the memory of the weights on a GPU and suits its tensor cores. Everything
 * between the products stays float32, and so do adapters, gradients and optimizer state.
 */
export type EnginePrecision = 'float32' | 'float16';

/** The precision option of an engine. */
export interface PrecisionOptions {
  /** @default 'float32' */
  readonly precision?: EnginePrecision;
}
