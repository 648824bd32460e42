/** How an engine computes: on what, within which memory, in which precision. */
import type { SessionOptions } from '@gapo/graph';
import type { MemoryOptions } from './batches/microBatches.js';

/**
 * float16: matrix products read and write float16, which halves the memory of the weights on a GPU and is what its tensor
 * cores are fast in; everything between them is float32, and so are adapters, gradients and optimiser.
 */
export type EnginePrecision = 'float32' | 'float16';

/** What matrix products are computed in. */
export interface PrecisionOptions {
  /** @default 'float32' */
  readonly precision?: EnginePrecision;
}

/** What an engine that takes batches apart is made with. */
export interface EngineOptions extends SessionOptions, PrecisionOptions, MemoryOptions {}
