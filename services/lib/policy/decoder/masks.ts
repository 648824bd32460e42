/** Attention masks: what is added to the scores of positions that a query must not see. */
import { type Value, emitBinary } from '@gapo/graph';

/** Far below every real score: the softmax of a masked position is exactly 0. */
const maskedScore = -1e30;

/** The mask of hidden positions: a score far below every real one, and 0 elsewhere. bool [...] → [...]. */
export function masking(hidden: Value): Value {
  const g = hidden.graph;
  return g.emit('Where', [hidden, g.constant(maskedScore), g.constant(0)], { dtype: g.float, dims: hidden.dims });
}

/** Whether a key lies before the window that ends at the query: key ≤ query − window. Positions int64, broadcast. */
export function beforeWindow(keys: Value, queries: Value, window: number): Value {
  const edge = emitBinary('Sub', queries, queries.graph.integers([window], []));
  return emitBinary('LessOrEqual', keys, edge, 'bool');
}
