/** Approximations of the Gram matrix from tensors that are cheaper than exact gradients. */
import type { CombineConfig } from '@gapo/config';
import { gramFromMatrix, gramMatrix, type Gram } from '@gapo/objectives';
import type { LossSpecInput } from '@gapo/rpc';
import type { ExpectedTensor, GradientTensors } from '../../workers/gradients.js';

/** One kind of approximation. */
export interface GramSource {
  /** The fields of the loss that request it from gradient workers. */
  readonly request: Partial<LossSpecInput>;
  /**
   * Returns the tensors that workers must return.
   *
   * @param names of the objectives
   * @param answered the tensors that workers announced, for a source whose size depends on the model
   */
  expected(names: readonly string[], answered: readonly ExpectedTensor[]): readonly ExpectedTensor[];
  /** Returns the Gram matrix of the summed tensors. */
  gram(tensors: GradientTensors, names: readonly string[]): Gram;
}

/** Gradients of the last layer only, as in the paper. */
const lastLayer: GramSource = {
  request: { source: 'GRADIENT_SOURCE_LAST_LAYER' },
  expected: (names, answered) => names.map((name) => ({ name, shape: [answered[0]?.shape[0] ?? 0] })),
  gram: gramMatrix,
};

/** Gradients with respect to the logits. No two tokens share logits, so the Gram matrices of shards add up. */
const logits: GramSource = {
  request: { source: 'GRADIENT_SOURCE_LOGITS' },
  expected: ({ length }) => [{ name: 'gram', shape: [length, length] }],
  gram: ([matrix = new Float64Array()], names) => gramFromMatrix(matrix, names),
};

/** Random projections of the gradients, with signs drawn from the seed. */
function projection(dimensions: number, seed: number): GramSource {
  return {
    request: { source: 'GRADIENT_SOURCE_PROJECTION', projectionDimensions: dimensions, projectionSeed: seed },
    expected: (names) => names.map((name) => ({ name, shape: [dimensions] })),
    gram: gramMatrix,
  };
}

/** Returns the source that a configuration names. The seed draws the signs of a projection. */
export function gramSource(source: Exclude<CombineConfig['source'], 'exact'>, seed: number): GramSource {
  if (source === 'lastLayer') return lastLayer;
  return source === 'logits' ? logits : projection(source.projection, seed);
}
