/** Log-probabilities and values of given completions under any version of a policy. */
import { Graph, Session, type TensorArray } from '@gapo/graph';
import {
  type DecoderConfig,
  type DecoderModel,
  type NamedTensor,
  type TrainableSpec,
  trainableTensors,
} from '@gapo/model';
import { type Sequence, checkSequences, toBatch, tokensOf } from './batches/batch.js';
import { type MemoryOptions, splitByMemory } from './batches/microBatches.js';
import { completionFeeds, completionValues, parameterFeeds, pick } from './decoder/completions.js';
import { tensorSource } from './decoder/tensorSource.js';
import type { EngineOptions } from './engineOptions.js';

/** Evaluates completions. Holds one session; calls must not overlap. */
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
    const { logprobs, values } = completionValues(graph, model.config, spec, tensors, { shared: true });
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
    const parts = splitByMemory(this.#config, sequences, this.#options, { backward: false, shared: true });
    const logprobs = new TokenRows(sequences);
    const values = new TokenRows(sequences);
    for (const indices of parts) {
      const batch = toBatch(
        indices.map((index) => sequences[index] as Sequence),
        this.#config.context,
        true,
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

/** Rows of numbers, one per completion token, collected from micro-batches. */
class TokenRows {
  all: TensorArray<Float32Array> | undefined;
  readonly #sequences: readonly Sequence[];
  readonly #starts: readonly number[];

  constructor(sequences: readonly Sequence[]) {
    this.#sequences = sequences;
    let start = 0;
    this.#starts = sequences.map(({ completionIds }) => (start += completionIds.length) - completionIds.length);
  }

  /** Stores the rows of some sequences at their positions. */
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
