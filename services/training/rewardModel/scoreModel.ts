/** The interface of models that map a sequence of tokens to a score. */
import type { Value } from '@gapo/graph';
import type { TensorShape, Weight } from '@gapo/model';
import type { Tensors } from '@gapo/policy';

/** A model's tensors and its graph. */
export interface ScoreModel {
  /** The tensors that are trained, in order. */
  readonly trained: readonly TensorShape[];
  /** The frozen tensors, by name. */
  readonly frozen: ReadonlyMap<string, Weight>;
  /** Adds the graph: ids int64 [B, T], padded on the right, and lengths int64 [B] to scores [B, 1]. */
  scores(ids: Value, lengths: Value, tensors: Tensors): Value;
}

/** Returns the head's tensor, [1, width], under the name in Hugging Face's sequence classifiers. */
export function scoreHead(width: number): TensorShape {
  return { name: 'score.weight', shape: [1, width] };
}
