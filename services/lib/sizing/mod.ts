/** Bytes and operations of everything that a run needs, from the decoder's configuration alone: pure functions. */
export { type MicroBatchExtents, activationBytes } from './activations.js';
export { type Part, type Plan, type RunExtents, type Worker, planOf } from './plan.js';
