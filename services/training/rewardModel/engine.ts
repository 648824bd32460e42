/** Losses and scores of score models under Bradley and Terry (1952): P(chosen over rejected) = σ(score − score). */
import {
  Graph,
  Session,
  type SessionOptions,
  type TensorArray,
  type Value,
  cast,
  emitBinary,
  emitUnary,
  gradients,
  int64,
  linear,
  reshape,
} from '@gapo/graph';
import type { NamedTensor } from '@gapo/model';
import { f32, required } from '@gapo/numeric';
import { parameterFeeds, tensorSource } from '@gapo/policy';
import { logLoss } from './calibration.js';
import type { ScoreModel } from './scoreModel.js';

/** A preferred and a less preferred sequence, as token ids. */
export interface TokenPair {
  readonly chosen: readonly number[];
  readonly rejected: readonly number[];
}

/** Sequences per run. */
const batch = 64;

/** Computes losses of pairs and scores of sequences. Owns its sessions; calls must not overlap. */
export class PairEngine {
  readonly #model: ScoreModel;
  readonly #training: Session;
  readonly #scoring: Session;

  private constructor(model: ScoreModel, training: Session, scoring: Session) {
    this.#model = model;
    this.#training = training;
    this.#scoring = scoring;
  }

  static async open(model: ScoreModel, options: SessionOptions): Promise<PairEngine> {
    const training = await Session.open(pairGraph(model).toModel(), options);
    const scoring = new Graph('scoring');
    const { tensors } = tensorSource(scoring, model.trained, model.frozen);
    scoring.output('scores', scores(model, scoring, tensors));
    return new PairEngine(model, training, await Session.open(scoring.toModel(), options));
  }

  /** Returns the mean −ln σ(score(chosen) − score(rejected)) of pairs, their number, and the gradient by each trained tensor. */
  async compute(
    tensors: readonly NamedTensor[],
    pairs: readonly TokenPair[],
  ): Promise<{ readonly loss: number; readonly weight: number; readonly gradients: readonly Float32Array[] }> {
    const feeds = {
      ...parameterFeeds(tensors),
      ...sequenceFeeds(pairs.flatMap(({ chosen, rejected }) => [chosen, rejected])),
    };
    const outputs = await this.#training.run(feeds);
    return {
      loss: logLoss(floats(outputs, 'margins')),
      weight: pairs.length,
      gradients: this.#model.trained.map(({ name }) => floats(outputs, `gradient.${name}`)),
    };
  }

  /** Returns the score of each sequence. Sequences of similar length run together. */
  async score(tensors: readonly NamedTensor[], sequences: readonly (readonly number[])[]): Promise<Float32Array> {
    const order = sequences
      .map((ids, index) => ({ ids, index }))
      .sort((a, b) => a.ids.length - b.ids.length || a.index - b.index);
    const parameters = parameterFeeds(tensors);
    const found = new Float32Array(sequences.length);
    for (let start = 0; start < order.length; start += batch) {
      const some = order.slice(start, start + batch);
      const scores = floats(
        await this.#scoring.run({ ...parameters, ...sequenceFeeds(some.map(({ ids }) => ids)) }),
        'scores',
      );
      for (const [row, { index }] of some.entries()) found[index] = f32(scores, row);
    }
    return found;
  }

  /** Returns score(chosen) − score(rejected) of each pair. */
  async margins(tensors: readonly NamedTensor[], pairs: readonly TokenPair[]): Promise<Float64Array> {
    const scores = await this.score(
      tensors,
      pairs.flatMap(({ chosen, rejected }) => [chosen, rejected]),
    );
    return Float64Array.from(pairs, (_, i) => f32(scores, 2 * i) - f32(scores, 2 * i + 1));
  }

  async close(): Promise<void> {
    await this.#training.close();
    await this.#scoring.close();
  }
}

function floats(outputs: Readonly<Record<string, TensorArray>>, name: string): Float32Array {
  return required(outputs[name], `the output ${name}`).data as Float32Array;
}

function pairGraph(model: ScoreModel): Graph {
  const graph = new Graph('pairs');
  const { tensors, parameters } = tensorSource(graph, model.trained, model.frozen);
  const both = reshape(scores(model, graph, tensors), [-1, 2], ['P', 2]); // chosen, rejected
  const margins = linear(both, graph.constant([1, -1], [1, 2])); // [P, 1]
  const count = cast(graph.emit('Size', [margins], { dtype: 'int64', dims: [] }), graph.float);
  // d(−Σ ln σ(m) / P) / dm = −σ(−m) / P
  const slope = emitUnary('Neg', emitBinary('Div', emitUnary('Sigmoid', emitUnary('Neg', margins)), count));
  const found = gradients([[margins, slope]], [...parameters.values()]);
  for (const [name, parameter] of parameters) {
    graph.output(`gradient.${name}`, required(found.get(parameter), `the gradient of ${name}`));
  }
  graph.output('margins', margins);
  return graph;
}

function scores(model: ScoreModel, graph: Graph, tensors: Parameters<ScoreModel['scores']>[2]): Value {
  const ids = graph.input('ids', 'int64', ['B', 'T']);
  return model.scores(ids, graph.input('lengths', 'int64', ['B']), tensors);
}

function sequenceFeeds(sequences: readonly (readonly number[])[]): Readonly<Record<string, TensorArray>> {
  const length = Math.max(...sequences.map((ids) => ids.length));
  const ids = new BigInt64Array(sequences.length * length);
  sequences.forEach((sequence, index) => ids.set(int64(sequence), index * length));
  return {
    ids: { data: ids, dims: [sequences.length, length] },
    lengths: { data: int64(sequences.map((sequence) => sequence.length)), dims: [sequences.length] },
  };
}
