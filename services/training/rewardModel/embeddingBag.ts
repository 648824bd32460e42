/**
 * An embedding bag with a linear head: the mean of the embeddings of a sequence's tokens and bigrams. Bigrams are hashed
 * into a table of buckets (Joulin et al. 2016, arXiv 1607.01759). It sees no order beyond bigrams, and trains in seconds on
 * one core.
 */
import { type Value, add, cast, embedding, emitBinary, linear, matmul, reshape } from '@gapo/graph';
import type { TensorShape } from '@gapo/model';
import { type ScoreModel, scoreHead } from './scoreModel.js';

/** The sizes of a bag. */
export interface BagShape {
  readonly vocabulary: number;
  readonly width: number;
  /** Rows of the bigram table. */
  readonly buckets: number;
}

const tokenTable = 'tokens.weight';
const pairTable = 'pairs.weight';

/** The bigram hash is first · multiplier + second; odd and large, so that bigrams spread over the buckets. */
const multiplier = 1_000_003;

/** Lists the tensors of a bag, in order. */
export function bagTensors({ vocabulary, width, buckets }: BagShape): readonly TensorShape[] {
  return [
    { name: tokenTable, shape: [vocabulary, width] },
    { name: pairTable, shape: [buckets, width] },
    scoreHead(width),
  ];
}

/** Returns the bag as a score model, all of which is trained. */
export function bagScores(shape: BagShape): ScoreModel {
  const { width, buckets } = shape;
  const trained = bagTensors(shape);
  return {
    trained,
    frozen: new Map(),
    scores: (ids, lengths, tensors) => {
      const tokens = embedding(tensors(tokenTable), ids); // [B, T, width]
      const pairs = embedding(tensors(pairTable), pairBuckets(ids, buckets)); // [B, T, width]
      const mean = matmul(shares(ids, lengths), add(tokens, pairs)); // [B, 1, width]
      return linear(reshape(mean, [-1, width], ['B', width]), tensors(scoreHead(width).name)); // [B, 1]
    },
  };
}

/** [B, 1, T]: 1 / length at a sequence's tokens, 0 at its padding. */
function shares(ids: Value, lengths: Value): Value {
  const g = ids.graph;
  const shape = g.emit('Shape', [ids], { dtype: 'int64', dims: [2] });
  const extent = g.emit('Gather', [shape, g.integers([1], [])], { dtype: 'int64', dims: [] });
  const positions = g.emit('Range', [g.integers([0], []), extent, g.integers([1], [])], {
    dtype: 'int64',
    dims: ['T'],
  });
  const rows = reshape(lengths, [-1, 1], ['B', 1]);
  const real = cast(emitBinary('Less', positions, rows, 'bool'), g.float); // [B, T]
  return reshape(emitBinary('Div', real, cast(rows, g.float)), [0, 1, -1], ['B', 1, 'T']);
}

/** int64 [B, T]: the bucket of each token with the one before it; the first token's predecessor is id 0. */
function pairBuckets(ids: Value, buckets: number): Value {
  const g = ids.graph;
  const before = g.emit('Pad', [ids, g.integers([0, 1, 0, -1])], { dtype: 'int64', dims: ids.dims }); // shifted by one
  const hash = emitBinary('Add', emitBinary('Mul', before, g.integers([multiplier], [])), ids);
  return emitBinary('Mod', hash, g.integers([buckets], []));
}
