/** The tasks of the tensor thread: log-probabilities, values and gradients of a shard. */
import type { DecoderModel, NamedTensor, TrainableSpec } from '@gapo/model';
import {
  type EngineOptions,
  Evaluator,
  GradientEngine,
  LogitGramEngine,
  type Sequence,
  type ShardGradients,
  type ShardInput,
  project,
} from '@gapo/policy';
import { type Outcome, outcome } from '@gapo/service';
import { EngineHolder, ModelStore, type EngineKey, threadSettings } from '@gapo/worker';

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

const { threads, device, ...places } = threadSettings();
const models = new ModelStore(places);
/** Creates a holder for engines of one kind. */
const holder = <Engine extends { close(): Promise<void> }>(
  make: (model: DecoderModel, trainable: TrainableSpec, options: EngineOptions) => Engine | Promise<Engine>,
): EngineHolder<Engine> =>
  new EngineHolder(models, async (model, { trainable, computation }) =>
    make(model, trainable, { threads, device, ...computation }),
  );
const evaluators = holder((...how) => Evaluator.open(...how));
const engines = holder((...how) => new GradientEngine(...how));
const logitGrams = holder((...how) => LogitGramEngine.open(...how));

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
