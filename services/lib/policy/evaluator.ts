/** Log-probabilities and values of given completions under any version of a policy. */
import { Graph, Session, type TensorArray, type Value, add, detach, linear, mul, tokenStatistics } from '@gapo/graph';
import {
  type DecoderConfig,
  type DecoderModel,
  type NamedTensor,
  type TrainableSpec,
  trainableTensors,
  valueHeadNames,
} from '@gapo/model';
import { type Sequence, type SequenceBatch, checkSequences, toBatch, tokensOf } from './batch.js';
import { type Tensors, decodeSequences, logits } from './decoder.js';
import type { EngineOptions } from './engineOptions.js';
import { type MemoryOptions, splitByMemory } from './microBatches.js';
import { tensorSource } from './tensorSource.js';

/** The values that every graph over completions has, token by token. */
export interface CompletionValues {
  /** [N]: ln π(token) at the sampling temperature. */
  readonly logprobs: Value;
  /** [N]: entropy in nats at the sampling temperature. Its nodes are added where it is first asked for. */
  readonly entropy: Value;
  /** [N, heads]: the value before each token; absent without value heads. */
  readonly values: Value | undefined;
  /** int64 [N]: the sequence of each token. */
  readonly sequenceOf: Value;
}

/**
 * Declares the batch's inputs and builds log-probabilities, entropy and values of its completion tokens.
 * `recompute`: backward passes compute each layer again instead of keeping what it computed.
 */
export function completionValues(
  graph: Graph,
  config: DecoderConfig,
  spec: TrainableSpec,
  tensors: Tensors,
  recompute = false,
): CompletionValues {
  const ids = graph.input('ids', 'int64', ['B', 'T']);
  const rows = graph.input('rows', 'int64', ['N']);
  const targets = graph.input('targets', 'int64', ['N']);
  const sequenceOf = graph.input('sequenceOf', 'int64', ['N']);
  const inverseTemperature = graph.floatInput('inverseTemperature', []);
  const { hidden: predicting } = decodeSequences(config, ids, tensors, spec.lora, { rows, recompute }); // [N, width]
  // The temperature goes with the hidden state, which is narrower than the vocabulary.
  const cooled = logits(config, mul(predicting, inverseTemperature), tensors); // [N, V]
  const statistics = tokenStatistics(cooled, targets);
  return {
    logprobs: statistics.logprobs,
    get entropy() {
      return statistics.entropy;
    },
    values: valueHeads(predicting, spec, tensors),
    sequenceOf,
  };
}

/** The feeds of completionValues' inputs. */
export function completionFeeds(batch: SequenceBatch, temperature: number): Readonly<Record<string, TensorArray>> {
  if (!(temperature > 0)) throw new RangeError(`temperature is ${temperature}; log-probabilities need one above 0`);
  return {
    ids: batch.ids,
    rows: batch.rows,
    targets: batch.targets,
    sequenceOf: batch.sequenceOf,
    inverseTemperature: { data: Float32Array.of(1 / temperature), dims: [] },
  };
}

/** A version's tensors as feeds. */
export function parameterFeeds(version: readonly NamedTensor[]): Readonly<Record<string, TensorArray>> {
  return Object.fromEntries(version.map(({ name, shape, data }) => [name, { data, dims: shape }]));
}

/** Evaluates completions. Holds one session; not for several runs at a time. */
export class Evaluator {
  readonly #session: Session;
  readonly #config: DecoderConfig;
  readonly #options: MemoryOptions;

  private constructor(session: Session, config: DecoderConfig, options: MemoryOptions) {
    this.#session = session;
    this.#config = config;
    this.#options = options;
  }

  static async open(model: DecoderModel, spec: TrainableSpec, options: EngineOptions): Promise<Evaluator> {
    const graph = new Graph('evaluator', options.precision);
    const { tensors } = tensorSource(graph, trainableTensors(model.config, spec), model.weights);
    const { logprobs, values } = completionValues(graph, model.config, spec, tensors);
    graph.output('logprobs', logprobs);
    if (values !== undefined) graph.output('values', values);
    return new Evaluator(await Session.open(graph.toModel(), options), model.config, options);
  }

  /** Log-probabilities [N] and, with value heads, values [N, heads] of all completion tokens, in order. */
  async evaluate(
    version: readonly NamedTensor[],
    sequences: readonly Sequence[],
    temperature: number,
  ): Promise<{ readonly logprobs: Float32Array; readonly values: TensorArray<Float32Array> | undefined }> {
    checkSequences(sequences, this.#config.context);
    const parts = splitByMemory(this.#config, sequences, this.#options, false);
    const logprobs = new TokenRows(sequences);
    const values = new TokenRows(sequences);
    for (const indices of parts) {
      const batch = toBatch(
        indices.map((index) => sequences[index] as Sequence),
        this.#config.context,
      );
      const feeds = { ...parameterFeeds(version), ...completionFeeds(batch, temperature) };
      const outputs = await this.#session.run(pick(feeds, this.#session.inputNames));
      logprobs.put(indices, outputs['logprobs']);
      values.put(indices, outputs['values']);
    }
    return { logprobs: logprobs.all?.data as Float32Array, values: values.all };
  }

  async close(): Promise<void> {
    await this.#session.close();
  }
}

/** Rows of numbers, one for each completion token, put together from those of micro-batches. */
class TokenRows {
  all: TensorArray<Float32Array> | undefined;
  readonly #sequences: readonly Sequence[];
  readonly #starts: readonly number[];

  constructor(sequences: readonly Sequence[]) {
    this.#sequences = sequences;
    let start = 0;
    this.#starts = sequences.map(({ completionIds }) => (start += completionIds.length) - completionIds.length);
  }

  /** Puts the rows of some sequences where they belong. */
  put(indices: readonly number[], rows: TensorArray | undefined): void {
    if (rows === undefined) return;
    const [, ...rest] = rows.dims;
    const width = rest[0] ?? 1;
    const tokens = tokensOf(this.#sequences);
    this.all ??= { data: new Float32Array(tokens * width), dims: [tokens, ...rest] };
    let offset = 0;
    for (const index of indices) {
      const size = (this.#sequences[index] as Sequence).completionIds.length * width;
      const part = (rows.data as Float32Array).subarray(offset, offset + size);
      this.all.data.set(part, (this.#starts[index] as number) * width);
      offset += size;
    }
  }
}

/** The feeds that a session asks for: the runtime refuses names that its graph does not have. */
export function pick(
  feeds: Readonly<Record<string, TensorArray>>,
  names: readonly string[],
): Record<string, TensorArray> {
  return Object.fromEntries(
    names.map((name) => {
      const feed = feeds[name];
      if (feed === undefined) throw new Error(`the graph needs '${name}', which was not given`);
      return [name, feed];
    }),
  );
}

/** One linear head for each objective on the detached hidden state: critics learn without moving the policy's trunk. */
function valueHeads(hidden: Value, spec: TrainableSpec, tensors: Tensors): Value | undefined {
  if (spec.valueHeads === 0) return undefined;
  return add(linear(detach(hidden), tensors(valueHeadNames.weight)), tensors(valueHeadNames.bias));
}
