/** What maps a sequence of tokens to a score: its tensors, and the graph in between. */
import type { Value } from '@gapo/graph';
import type { TensorShape, Weight } from '@gapo/model';
import type { Tensors } from '@gapo/policy';

/** A map from sequences to scores. */
export interface ScoreModel {
  /** The tensors that are trained, in order. */
  readonly trained: readonly TensorShape[];
  /** Those that are not, by name. */
  readonly frozen: ReadonlyMap<string, Weight>;
  /** Adds the graph: ids int64 [B, T], padded on the right, and lengths int64 [B] to scores [B, 1]. */
  scores(ids: Value, lengths: Value, tensors: Tensors): Value;
}

/** The head's tensor, [1, width], as Hugging Face's sequence classifiers call it. */
export function scoreHead(width: number): TensorShape {
  return { name: 'score.weight', shape: [1, width] };
}
