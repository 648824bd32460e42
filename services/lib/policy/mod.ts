/** The policy on the tensor runtime: log-probabilities, gradients, samples, and supervised training. */
export { type Sequence, toBatch } from './batch.js';
export { Evaluator } from './evaluator.js';
export { Sampler, type SamplerOptions } from './sampling/sampler.js';
export { type SampledCompletion } from './sampling/rows.js';
export { type SamplingOptions, type SamplingPrompt } from './sampling/options.js';
export { GradientEngine, type ShardGradients } from './gradientEngine.js';
export type { EngineOptions, EnginePrecision } from './engineOptions.js';
export type { MemoryOptions } from './microBatches.js';
export type { ShardInput, ShardStatistics } from './shard.js';
export { type GradientScope, tensorsOf } from './gradientGraph.js';
export { LogitGramEngine } from './logitGram.js';
export { project } from './projection.js';
export { SupervisedEngine, type SupervisedGradients } from './supervised.js';
export { type Tensors, decodeSequences } from './decoder.js';
export { parameterFeeds } from './evaluator.js';
export { tensorSource } from './tensorSource.js';
