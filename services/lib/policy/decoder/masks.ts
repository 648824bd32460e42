/** Attention masks: what is added to the scores of positions that a query must not see. */
import { type Dim, type Value, emitBinary, emitConcat, emitReshape } from '@gapo/graph';
import { groupedRows } from './heads.js';

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

/** Whether a query does not see a key of the same positions: later keys, and those before the window. int64 [T] → bool [T, T]. */
export function hiddenWithin(positions: Value, window: number | undefined): Value {
  const [extent] = positions.dims as readonly [Dim];
  const queries = emitReshape(positions, [-1, 1], [extent, 1]);
  const keys = emitReshape(positions, [1, -1], [1, extent]);
  const later = emitBinary('Greater', keys, queries, 'bool'); // [T, T]
  return window === undefined ? later : emitBinary('Or', later, beforeWindow(keys, queries, window), 'bool');
}

/** A mask with its queries' rows repeated for each head of a group: [..., T, S] → [..., G·T, S]. */
export function forGroups(mask: Value, groups: number): Value {
  if (groups === 1) return mask;
  const axis = mask.dims.length - 2;
  const copies = Array.from({ length: groups }, () => mask);
  return emitConcat(copies, axis, groupedRows(groups, mask.dims[axis] as Dim));
}

/** Makes each window's mask once. */
export function masksByWindow(make: (window: number | undefined) => Value): (window: number | undefined) => Value {
  const made = new Map<number | undefined, Value>();
  return (window) => {
    const mask = made.get(window) ?? make(window);
    made.set(window, mask);
    return mask;
  };
}
