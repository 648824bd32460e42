/**
 * Supervised training: L = −Σ ln π(token) / N over the N completion tokens of a batch, and its gradient with respect to all
 * weights or to adapters. ∂L / ∂ln π = −1 / N.
 */
import { Graph, Session, type SessionOptions, emitBinary, emitReduce, gradients } from '@gapo/graph';
import {
  type DecoderConfig,
  type NamedTensor,
  type TrainableSpec,
  type Weight,
  sizeOf,
  trainableTensors,
} from '@gapo/model';
import { type Sequence, checkSequences, toBatch, tokensOf } from './batches/batch.js';
import { type MemoryOptions, splitByMemory } from './batches/microBatches.js';
import { completionFeeds, completionValues, parameterFeeds, pick } from './decoder/completions.js';
import { tensorSource } from './decoder/tensorSource.js';
import { uniformSlope } from './gradients/lossSlopes.js';

/** A batch's loss and the gradient that descends it. */
export interface SupervisedGradients {
  /** Mean negative log-likelihood of a completion token, in nats. */
  readonly loss: number;
  readonly tokens: number;
  /** The gradient of the loss, one array per trained tensor, in order. */
  readonly gradients: readonly Float32Array[];
}

/** Computes supervised gradients. Holds one session; calls must not overlap. */
export class SupervisedEngine {
  readonly #session: Session;
  readonly #config: DecoderConfig;
  readonly #spec: TrainableSpec;
  readonly #options: MemoryOptions;

  private constructor(session: Session, config: DecoderConfig, spec: TrainableSpec, options: MemoryOptions) {
    this.#session = session;
    this.#config = config;
    this.#spec = spec;
    this.#options = options;
  }

  /** @param frozen the weights that are not trained: none in full training */
  static async open(
    config: DecoderConfig,
    spec: TrainableSpec,
    frozen: ReadonlyMap<string, Weight>,
    options: SessionOptions & MemoryOptions,
  ): Promise<SupervisedEngine> {
    const graph = new Graph('supervised');
    const { tensors, parameters } = tensorSource(graph, trainableTensors(config, spec), frozen);
    const { logprobs } = completionValues(graph, config, spec, tensors, {
      shared: true,
      recompute: options.recompute ?? false,
    });
    const denominator = graph.floatInput('denominator', []);
    const slope = uniformSlope(logprobs, graph.constant(-1), denominator); // d(−Σ ln p / D) / d ln p
    const found = gradients([[logprobs, slope]], [...parameters.values()]);
    for (const [name, parameter] of parameters) {
      const gradient = found.get(parameter);
      if (gradient !== undefined) graph.output(`gradient.${name}`, gradient);
    }
    graph.output(
      'loss',
      emitBinary('Div', emitReduce('ReduceSum', emitBinary('Mul', logprobs, graph.constant(-1))), denominator),
    );
    return new SupervisedEngine(await Session.open(graph.toModel(), options), config, spec, options);
  }

  /** Computes loss and gradients of a batch at the given values of the trained tensors. */
  async compute(tensors: readonly NamedTensor[], sequences: readonly Sequence[]): Promise<SupervisedGradients> {
    checkSequences(sequences, this.#config.context);
    const tokens = tokensOf(sequences);
    const sums = trainableTensors(this.#config, this.#spec).map(({ shape }) => new Float32Array(sizeOf(shape)));
    let loss = 0;
    for (const indices of splitByMemory(this.#config, sequences, this.#options, { backward: true, shared: true })) {
      const batch = toBatch(
        indices.map((index) => sequences[index] as Sequence),
        this.#config.context,
        true,
      );
      const feeds = {
        ...parameterFeeds(tensors),
        ...completionFeeds(batch, 1),
        denominator: { data: Float32Array.of(tokens), dims: [] },
      };
      const outputs = await this.#session.run(pick(feeds, this.#session.inputNames));
      loss += Number(outputs['loss']?.data[0]);
      trainableTensors(this.#config, this.#spec).forEach(({ name }, index) => {
        const part = outputs[`gradient.${name}`]?.data as Float32Array | undefined;
        const sum = sums[index] as Float32Array;
        part?.forEach((x, i) => (sum[i] = (sum[i] as number) + x));
      });
    }
    return { loss, tokens, gradients: sums };
  }

  async close(): Promise<void> {
    await this.#session.close();
  }
}
