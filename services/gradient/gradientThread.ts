/** Runs in the tensor thread: log-probabilities, values and gradients of a shard. */
import { type Outcome, outcome } from '@gapo/thread';
import { EngineHolder, ModelStore, type EngineKey, threadSettings } from '@gapo/worker';
import type { NamedTensor } from '@gapo/model';
import {
  Evaluator,
  GradientEngine,
  LogitGramEngine,
  type Sequence,
  type ShardGradients,
  type ShardInput,
  project,
} from '@gapo/policy';
import { gradientSettings } from './settings.js';

/** Completions to evaluate. */
export interface LogProbsTask {
  readonly engine: EngineKey;
  readonly version: readonly NamedTensor[];
  readonly sequences: readonly Sequence[];
  readonly temperature: number;
}

/** A shard to differentiate. */
export interface GradientTask {
  readonly engine: EngineKey;
  readonly version: readonly NamedTensor[];
  readonly input: ShardInput;
  /** Projects each objective's gradient before it leaves the thread. */
  readonly projection?: { readonly dimensions: number; readonly seed: number };
}

/** Log-probabilities [N] and, with value heads, values [N, heads]. */
export interface LogProbsResult {
  readonly logprobs: Float32Array;
  readonly values: { readonly data: Float32Array; readonly heads: number } | undefined;
}

const { threads, device, own, ...places } = threadSettings();
const { MEMORY_BUDGET: memoryBudget, RECOMPUTE: recompute } = gradientSettings.parse(own);
const options = { threads, device, memoryBudget, recompute };
const models = new ModelStore(places);
const evaluators = new EngineHolder(models, (model, trainable) => Evaluator.open(model, trainable, options));
const engines = new EngineHolder(models, async (model, trainable) => new GradientEngine(model, trainable, options));
const logitGrams = new EngineHolder(models, (model, trainable) => LogitGramEngine.open(model, trainable, options));

/** Evaluates completions. */
export function logProbs(task: LogProbsTask): Promise<Outcome<LogProbsResult>> {
  return outcome(async () => {
    const evaluator = await evaluators.get(task.engine);
    const { logprobs, values } = await evaluator.evaluate(task.version, task.sequences, task.temperature);
    return {
      logprobs,
      values: values === undefined ? undefined : { data: values.data, heads: values.dims[1] as number },
    };
  });
}

/** Differentiates a shard. */
export function computeGradients(task: GradientTask): Promise<Outcome<ShardGradients>> {
  return outcome(async () => {
    const gradients = await (await engines.get(task.engine)).compute(task.version, task.input);
    if (task.projection === undefined) return gradients;
    const { dimensions, seed } = task.projection;
    return { ...gradients, objectives: gradients.objectives.map((gradient) => project(gradient, dimensions, seed)) };
  });
}

/** The Gram matrix of the shard's gradients at the logits, row-major [K, K]. */
export function gramOfLogits(task: GradientTask): Promise<Outcome<Float64Array>> {
  return outcome(async () => (await logitGrams.get(task.engine)).compute(task.version, task.input));
}
