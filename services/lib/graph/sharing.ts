/** Rows shared by several readers, and rows rearranged into a grid. */
import { type Dim, type RowWeights, type Value, graphOf, record } from './graph.js';
import {
  cast,
  emitBinary,
  emitConcat,
  emitExtent,
  emitGatherCells,
  emitMatmul,
  emitRange,
  emitReshape,
  emitReshapeLike,
} from './nodes.js';

/**
 * y[b] = x[source[b]]. x [Q, ...], source int64 [B], y [B, ...].
 *
 * dx[q] = Σ dy[b] over the b that read q. Under row weights the rows that read q have weights of their own, so dx has one
 * gradient for each column k: Σ weights[b, k] · dy[b]. Both are products with the matrix of which row reads which.
 */
export function share(x: Value, source: Value): Value {
  const g = graphOf(x, source);
  const [sharers] = source.dims as readonly [Dim];
  const [rows, ...rest] = x.dims as readonly [Dim, ...Dim[]];
  const y = g.emit('Gather', [x, source], { dtype: g.float, dims: [sharers, ...rest] });
  record({
    inputs: [x],
    outputs: [y],
    collect: (dy, weights) => {
      const readers = oneHot(source, x); // [B, Q]
      const width = rest.join('·');
      const flat = emitReshape(dy, [0, -1], [sharers, width]);
      const { weight, k } = columns(readers, weights);
      const sums = emitMatmul(weight, flat, { transA: true, full: true }); // [K·Q, rest]
      if (k === 1) return [emitReshapeLike(sums, x)];
      const stacked = emitReshape(sums, [k, -1], [k, `${rows}·${width}`]);
      const parts = g.emitAll(
        'Split',
        [stacked, g.integers(new Array<number>(k).fill(1))],
        Array.from({ length: k }, () => ({ dtype: g.float, dims: [1, `${rows}·${width}`] })),
        { axis: { kind: 'int', value: 0 } },
      );
      return parts.map((part) => emitReshapeLike(part, x));
    },
  });
  return y;
}

/** [B, Q]: 1 where row b reads row q of x, else 0. */
function oneHot(source: Value, x: Value): Value {
  const [sharers] = source.dims as readonly [Dim];
  const all = emitRange(emitExtent(x, 0), x.dims[0] as Dim); // [Q]
  return cast(emitBinary('Equal', emitReshape(source, [-1, 1], [sharers, 1]), all, 'bool'), x.graph.float);
}

/**
 * The matrix [B, Q] times each column of the weights of its rows: [B, K·Q].
 *
 * @throws Error if its rows have no weights
 */
function columns(readers: Value, weights: RowWeights | undefined): { readonly weight: Value; readonly k: number } {
  if (weights === undefined) return { weight: readers, k: 1 };
  const [sharers, rows] = readers.dims as readonly [Dim, Dim];
  const own = typeof sharers === 'string' ? weights[sharers] : undefined;
  const k = own?.dims[1];
  if (own === undefined || typeof k !== 'number')
    throw new Error(`no row weights for the rows '${sharers}' that share rows`);
  const spread = emitBinary(
    'Mul',
    emitReshape(own, [0, k, 1], [sharers, k, 1]),
    emitReshape(readers, [0, 1, -1], [sharers, 1, rows]),
  ); // [B, K, Q]
  return { weight: emitReshape(spread, [0, -1], [sharers, `${k}·${rows}`]), k };
}

/**
 * Lays rows out in a grid: y[b, t] = x[cells[b, t]]. x [N, ...], cells int64 [B, T], y [B, T, ...]. Row n belongs in the cell
 * places[n] = b · T + t, places int64 [N]; the other cells repeat any row, and nothing may depend on them.
 *
 * dx[n] is dy at the row's cell.
 */
export function layOut(x: Value, cells: Value, places: Value): Value {
  const g = graphOf(x, cells, places);
  const [, ...rest] = x.dims;
  const y = g.emit('Gather', [x, cells], { dtype: g.float, dims: [...cells.dims, ...rest] });
  record({
    inputs: [x],
    outputs: [y],
    backward: ([dy]) => [dy && (() => emitGatherCells(dy, places))],
  });
  return y;
}

/** Joins a and b along an axis. Backward splits the gradient. `extent`: the result's extent there. */
export function concat(a: Value, b: Value, axis: number, extent: Dim): Value {
  const y = emitConcat([a, b], axis, extent);
  record({
    inputs: [a, b],
    outputs: [y],
    backward: ([dy]) => {
      if (dy === undefined) return [];
      let parts: readonly Value[] | undefined;
      const part = (index: number): Value => {
        const g = graphOf(dy);
        const sizes = (): Value => emitConcat([emitExtent(a, axis), emitExtent(b, axis)], 0, 2);
        parts ??= g.emitAll(
          'Split',
          [dy, sizes()],
          [a, b].map(({ dims }) => ({ dtype: g.float, dims })),
          { axis: { kind: 'int', value: axis } },
        );
        return parts[index] as Value;
      };
      return [() => part(0), () => part(1)];
    },
  });
  return y;
}
