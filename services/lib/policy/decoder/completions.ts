/** Graphs over given completions: their inputs, and the log-probability, entropy and value of each completion token. */
import { type Dim, type Graph, type TensorArray, type Value, add, detach, linear, tokenStatistics } from '@gapo/graph';
import { type DecoderConfig, type NamedTensor, type TrainableSpec, valueHeadNames } from '@gapo/model';
import type { SequenceBatch } from '../batches/batch.js';
import { continuationInputs, predictingStates } from './continuations.js';
import { decoderOf, logits } from './sequences.js';
import type { Tensors } from './tensorSource.js';

/** The values of every graph over completions, token by token. */
export interface CompletionValues {
  /** [N]: ln π(token) at the sampling temperature. */
  readonly logprobs: Value;
  /** [N]: entropy in nats at the sampling temperature. Its nodes are emitted on first access. */
  readonly entropy: Value;
  /** [N, heads]: the value before each token; absent without value heads. */
  readonly values: Value | undefined;
  /**
   * The rows' weights if each sequence has one number per objective: [B, K] → itself, [M, K], [N, K], and [R, K] if no
   * prompt is shared.
   */
  readonly bySequence: (perSequence: Value) => Readonly<Record<'B' | 'M' | 'N', Value> & Partial<Record<'R', Value>>>;
}

/** How completions are computed. */
export interface CompletionOptions {
  /** Whether completions of one prompt share its rows; see `toBatch`. */
  readonly shared: boolean;
  /** Whether backward passes recompute each layer instead of keeping its activations. @default false */
  readonly recompute?: boolean;
}

/** Declares the batch's inputs and builds log-probabilities, entropy and values of its completion tokens. */
export function completionValues(
  graph: Graph,
  config: DecoderConfig,
  spec: TrainableSpec,
  tensors: Tensors,
  { shared, recompute }: CompletionOptions,
): CompletionValues {
  const decoder = decoderOf(config, tensors, spec.lora);
  const inputs = continuationInputs(graph, shared);
  const targets = graph.input('targets', 'int64', ['N']);
  const sequences = {
    R: shared ? undefined : graph.input('promptOfRow', 'int64', ['R']),
    M: graph.input('completionOfRow', 'int64', ['M']),
    N: graph.input('sequenceOf', 'int64', ['N']),
  };
  const inverseTemperature = graph.floatInput('inverseTemperature', []);
  const predicting = predictingStates(decoder, inputs, recompute); // [N, width]
  const statistics = tokenStatistics(logits(decoder, predicting, inverseTemperature), targets); // of [N, V]
  return {
    logprobs: statistics.logprobs,
    get entropy() {
      return statistics.entropy;
    },
    values: valueHeads(predicting, spec, tensors),
    bySequence: (perSequence) => {
      const rows = (sequenceOf: Value): Value => {
        const output = { dtype: graph.float, dims: [...sequenceOf.dims, perSequence.dims[1] as Dim] };
        return graph.emit('Gather', [perSequence, sequenceOf], output);
      };
      const { R, M, N } = sequences;
      return { B: perSequence, M: rows(M), N: rows(N), ...(R && { R: rows(R) }) };
    },
  };
}

/**
 * Returns the feeds of completionValues' inputs.
 *
 * @throws RangeError if the temperature is not above 0
 */
export function completionFeeds(batch: SequenceBatch, temperature: number): Readonly<Record<string, TensorArray>> {
  if (!(temperature > 0)) throw new RangeError(`temperature is ${temperature}; log-probabilities need one above 0`);
  const { tokens: _, ...feeds } = batch;
  return { ...feeds, inverseTemperature: { data: Float32Array.of(1 / temperature), dims: [] } };
}

/** A version's tensors as feeds. */
export function parameterFeeds(version: readonly NamedTensor[]): Readonly<Record<string, TensorArray>> {
  return Object.fromEntries(version.map(({ name, shape, data }) => [name, { data, dims: shape }]));
}

/** The feeds that a session needs: the runtime rejects names that its graph does not have. */
export function pick(
  feeds: Readonly<Record<string, TensorArray>>,
  names: readonly string[],
): Record<string, TensorArray> {
  return Object.fromEntries(
    names.map((name) => {
      const feed = feeds[name];
      if (feed === undefined) throw new Error(`the graph needs the input '${name}', which has no feed`);
      return [name, feed];
    }),
  );
}

/** One linear head per objective on the detached hidden state, so critics learn without changing the policy's trunk. */
function valueHeads(hidden: Value, spec: TrainableSpec, tensors: Tensors): Value | undefined {
  if (spec.valueHeads === 0) return undefined;
  return add(linear(detach(hidden), tensors(valueHeadNames.weight)), tensors(valueHeadNames.bias));
}
