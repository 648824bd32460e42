/** The policy on the tensor runtime: log-probabilities, gradients, samples, and supervised training. */
export { type Sequence, toBatch } from './batches/batch.js';
export { Evaluator } from './evaluator.js';
export { Sampler, type SamplerOptions } from './sampling/sampler.js';
export { endAtStop, type Ending, type SampledCompletion, type TokenDecoder } from './sampling/rows.js';
export { checkSampling, type SamplingOptions, type SamplingPrompt } from './sampling/options.js';
export { GradientEngine, type ShardGradients } from './gradients/gradientEngine.js';
export type { EngineOptions } from './engineOptions.js';
export type { EnginePrecision } from './precision.js';
export type { MemoryOptions } from './batches/microBatches.js';
export type { ShardInput, ShardStatistics } from './gradients/shard.js';
export type { GradientScope } from './gradients/gradientGraph.js';
export { LogitGramEngine } from './gradients/logitGram.js';
export { project } from './gradients/randomProjection.js';
export { SupervisedEngine, type SupervisedGradients } from './supervised.js';
export { decodeSequences, decoderOf } from './decoder/sequences.js';
export { parameterFeeds } from './decoder/completions.js';
export { type Tensors, tensorSource } from './decoder/tensorSource.js';
