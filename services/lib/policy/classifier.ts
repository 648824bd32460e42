/**
 * Sequence classifiers on the decoder: one score from the hidden state of the last token, as Hugging Face's
 * LlamaForSequenceClassification has it. Fitted on preference pairs (Bradley and Terry 1952), exported to ONNX with
 * the weights left in their safetensors file.
 */
import {
  Graph,
  Session,
  type SessionOptions,
  type Value,
  cast,
  emitBinary,
  emitReduce,
  emitReshape,
  emitUnary,
  gatherRows,
  gradients,
  int64,
  linear,
  reshape,
} from '@gapo/graph';
import { type DecoderConfig, type NamedTensor, type TensorShape, decoderLayout, decoderTensors } from '@gapo/model';
import { type Tensors, decodeSequences } from './decoder.js';
import { parameterFeeds, pick } from './evaluator.js';
import { tensorSource } from './tensorSource.js';

/** The head's weight, [1, width]. */
export function scoreHead(config: DecoderConfig): TensorShape {
  return { name: 'score.weight', shape: [1, config.width] };
}

/** Every tensor of a classifier, in order. */
export function classifierTensors(config: DecoderConfig): readonly TensorShape[] {
  const { embedding, head } = decoderLayout(config);
  return [...decoderTensors(config), scoreHead(config)].filter(({ name }) => name !== head || head === embedding);
}

/** A preferred and a less preferred sequence, as token ids. */
export interface TokenPair {
  readonly chosen: readonly number[];
  readonly rejected: readonly number[];
}

/** A batch's loss, its accuracy, and the gradient that descends the loss. */
export interface PairGradients {
  /** Mean −ln σ(score(chosen) − score(rejected)). */
  readonly loss: number;
  /** Share of pairs whose chosen one scores higher. */
  readonly accuracy: number;
  readonly gradients: readonly Float32Array[];
}

/** Fits a classifier on pairs and scores sequences. Holds its sessions; not for several runs at a time. */
export class ClassifierEngine {
  private readonly config: DecoderConfig;
  private readonly training: Session;
  private readonly scoring: Session;

  private constructor(config: DecoderConfig, training: Session, scoring: Session) {
    this.config = config;
    this.training = training;
    this.scoring = scoring;
  }

  static async open(config: DecoderConfig, options: SessionOptions): Promise<ClassifierEngine> {
    const training = await Session.open(pairGraph(config).toModel(), options);
    const scoring = new Graph('scoring');
    const { tensors } = tensorSource(scoring, classifierTensors(config), new Map());
    scoring.output('scores', scores(config, scoring, tensors));
    return new ClassifierEngine(config, training, await Session.open(scoring.toModel(), options));
  }

  /** Loss and gradients of a batch of pairs. */
  async compute(tensors: readonly NamedTensor[], pairs: readonly TokenPair[]): Promise<PairGradients> {
    const feeds = {
      ...parameterFeeds(tensors),
      ...sequenceFeeds(pairs.flatMap(({ chosen, rejected }) => [chosen, rejected])),
    };
    const outputs = await this.training.run(pick(feeds, this.training.inputNames));
    const margins = outputs['margins']?.data as Float32Array;
    let loss = 0;
    for (const margin of margins) loss += Math.log1p(Math.exp(-Math.abs(margin))) + Math.max(0, -margin);
    return {
      loss: loss / margins.length,
      accuracy: margins.filter((margin) => margin > 0).length / margins.length,
      gradients: classifierTensors(this.config).map(({ name }) => outputs[`gradient.${name}`]?.data as Float32Array),
    };
  }

  /** The score of each sequence. */
  async score(tensors: readonly NamedTensor[], sequences: readonly (readonly number[])[]): Promise<Float32Array> {
    const feeds = { ...parameterFeeds(tensors), ...sequenceFeeds(sequences) };
    return (await this.scoring.run(pick(feeds, this.scoring.inputNames)))['scores']?.data as Float32Array;
  }

  async close(): Promise<void> {
    await this.training.close();
    await this.scoring.close();
  }
}

/** Where a tensor's elements lie in a file beside the model. */
export interface WeightLocation {
  readonly name: string;
  readonly shape: readonly number[];
  readonly offset: number;
  readonly length: number;
}

/**
 * The classifier as an ONNX model in Hugging Face's form: `input_ids` and `attention_mask` int64 [B, T], padded on the
 * right, to `logits` [B, 1]. The weights stay in `file` beside the model.
 */
export function exportClassifier(
  config: DecoderConfig,
  file: string,
  locations: readonly WeightLocation[],
): Uint8Array {
  const graph = new Graph('classifier');
  const weights = new Map(
    locations.map(({ name, shape, offset, length }) => [
      name,
      graph.weight(name, shape, { location: file, offset, length }),
    ]),
  );
  const tensors: Tensors = (name) => {
    const weight = weights.get(name);
    if (weight === undefined) throw new Error(`${file} has no tensor '${name}'`);
    return weight;
  };
  const ids = graph.input('input_ids', 'int64', ['B', 'T']);
  const mask = graph.input('attention_mask', 'int64', ['B', 'T']);
  const lengths = emitReshape(emitReduce('ReduceSum', mask, 1), [-1], ['B']);
  graph.output('logits', lastTokenScore(config, ids, lengths, tensors));
  return graph.toModel().bytes;
}

function pairGraph(config: DecoderConfig): Graph {
  const graph = new Graph('pairs');
  const { tensors, parameters } = tensorSource(graph, classifierTensors(config), new Map());
  const both = reshape(scores(config, graph, tensors), [-1, 2], ['P', 2]); // chosen, rejected
  const margins = linear(both, graph.constant([1, -1], [1, 2])); // [P, 1]
  const count = cast(graph.emit('Size', [margins], { dtype: 'int64', dims: [] }), graph.float);
  // d(−Σ ln σ(m) / P) / dm = −σ(−m) / P
  const slope = emitUnary('Neg', emitBinary('Div', emitUnary('Sigmoid', emitUnary('Neg', margins)), count));
  const found = gradients([[margins, slope]], [...parameters.values()]);
  for (const [name, parameter] of parameters) graph.output(`gradient.${name}`, found.get(parameter) as Value);
  graph.output('margins', margins);
  return graph;
}

function scores(config: DecoderConfig, graph: Graph, tensors: Tensors): Value {
  const ids = graph.input('ids', 'int64', ['B', 'T']);
  return lastTokenScore(config, ids, graph.input('lengths', 'int64', ['B']), tensors);
}

/** [B, 1]: the head on the hidden state of each sequence's last real token. */
function lastTokenScore(config: DecoderConfig, ids: Value, lengths: Value, tensors: Tensors): Value {
  const g = ids.graph;
  const { hidden } = decodeSequences(config, ids, tensors, undefined);
  const shape = g.emit('Shape', [ids], { dtype: 'int64', dims: [2] });
  const extent = (axis: number): Value =>
    g.emit('Gather', [shape, g.integers([axis], [])], { dtype: 'int64', dims: [] });
  const zero = g.integers([0], []);
  const starts = emitBinary(
    'Mul',
    g.emit('Range', [zero, extent(0), g.integers([1], [])], { dtype: 'int64', dims: ['B'] }),
    extent(1),
  );
  const last = emitBinary('Sub', emitBinary('Add', starts, lengths), g.integers([1], []));
  return linear(gatherRows(hidden, last), tensors('score.weight'));
}

function sequenceFeeds(sequences: readonly (readonly number[])[]): Parameters<typeof pick>[0] {
  const length = Math.max(...sequences.map((ids) => ids.length));
  const ids = new BigInt64Array(sequences.length * length);
  sequences.forEach((sequence, index) => ids.set(int64(sequence), index * length));
  return {
    ids: { data: ids, dims: [sequences.length, length] },
    lengths: { data: int64(sequences.map((sequence) => sequence.length)), dims: [sequences.length] },
  };
}
